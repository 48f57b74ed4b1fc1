// The tests, on the kernels of one instruction set: the fastest, or the one that DELTARULE_ISA names.
#define DOCTEST_CONFIG_IMPLEMENT
#include "kernels/dispatch.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

int main(int count, char** arguments) {
  using namespace deltarule;
  try {
    const std::string folder = DELTARULE_KERNELS;
    const char* const wanted = std::getenv("DELTARULE_ISA");
    use_kernels(folder, choose_level(built_levels(folder), supported_levels(), fastest_level(),
                                     wanted ? wanted : ""));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return doctest::Context(count, arguments).run();
}
