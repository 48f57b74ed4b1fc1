#include "deltarule/types.hpp"

namespace deltarule {

std::string shape_text(Index rows, Index columns) {
  std::string text = "(";
  text += std::to_string(rows);
  text += ", ";
  text += std::to_string(columns);
  text += ')';
  return text;
}

}  // namespace deltarule
