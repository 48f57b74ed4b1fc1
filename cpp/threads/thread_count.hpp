// How many threads a process begins with: as it was told, or as many as there are processors for it.
#pragma once

#include <optional>
#include <string>

namespace deltarule {

// What OMP_NUM_THREADS says: the first number of a list, one a nesting level. 0 where it says nothing
// (null or blank), and nothing where it makes no sense: no number, or none from 1 to `most`.
std::optional<int> threads_asked_for(const char* text, int most);

// The least of the machine's processors, of those that the process may run on, and of the quota of its
// control group, versions 1 and 2, rounded up. `root` is the folder that /proc and /sys lie in.
int available_processors(const std::string& root = "");

}  // namespace deltarule
