// What every kind's file needs: the contexts, and a way to refuse a layer that cannot be.
#pragma once

#include "layers/context.hpp"

#include <stdexcept>
#include <string>
#include <tuple>

namespace deltarule {

[[noreturn]] inline void refuse(const std::string& message) {
  throw std::invalid_argument(message);
}

}  // namespace deltarule
