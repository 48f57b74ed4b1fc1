#include "threads/thread_count.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>
#include <thread>

#if defined(__linux__)
#include <cerrno>
#include <memory>
#include <sched.h>
#include <unistd.h>
#endif

namespace deltarule {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view blanks = " \t\r\n";

// Those that the process may run on; 0 where the system does not say.
int affinity() {
#if defined(__linux__)
  const auto release = [](cpu_set_t* set) { CPU_FREE(set); };
  for (int most = 1024; most <= (1 << 20);
       most *= 2) {  // a set too small for the kernel is refused
    const std::unique_ptr<cpu_set_t, decltype(release)> set(CPU_ALLOC(most), release);
    const std::size_t size = CPU_ALLOC_SIZE(most);
    // Of the main thread, as the one that asks may have been given a place of its own.
    if (set && sched_getaffinity(getpid(), size, set.get()) == 0)
      return CPU_COUNT_S(size, set.get());
    if (!set || errno != EINVAL) break;
  }
#endif
  return 0;
}

// In processors; infinite where there is none, which version 1 says by -1 and version 2 by "max".
double share(double quota, double period) {
  return quota > 0.0 && period > 0.0 ? quota / period : std::numeric_limits<double>::infinity();
}

double quota_of_version_2(const fs::path& group) {
  double quota = 0.0, period = 0.0;
  std::ifstream(group / "cpu.max") >> quota >> period;
  return share(quota, period);
}

double quota_of_version_1(const fs::path& group) {
  double quota = 0.0, period = 0.0;
  std::ifstream(group / "cpu.cfs_quota_us") >> quota;
  std::ifstream(group / "cpu.cfs_period_us") >> period;
  return share(quota, period);
}

// The least quota of a group and of those that it lies in. A container may see the path that its group
// has outside, where there is none inside: then the folders above have the answer.
template <class Quota>
double least_quota(const fs::path& mount, const std::string& path, Quota quota) {
  double least = quota(mount);
  fs::path group = mount;
  for (const fs::path& part : fs::path(path).relative_path()) {
    group /= part;
    least = std::min(least, quota(group));
  }
  return least;
}

// The quota of the process's control group, in processors; infinite where it has none.
double quota(const std::string& root) {
  double least = std::numeric_limits<double>::infinity();
  const fs::path mounts = root + "/sys/fs/cgroup";
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // number:controllers:path
    std::istringstream parts(line);
    std::string number, controllers, path, controller;
    if (!std::getline(parts, number, ':') || !std::getline(parts, controllers, ':')) continue;
    std::getline(parts, path);
    if (controllers.empty()) {
      least = std::min(least, least_quota(mounts, path, quota_of_version_2));
      continue;
    }
    std::istringstream names(controllers);
    while (std::getline(names, controller, ','))
      if (controller == "cpu")
        for (const std::string& folder : {controllers, controller})
          least = std::min(least, least_quota(mounts / folder, path, quota_of_version_1));
  }
  return least;
}

}  // namespace

std::optional<int> threads_asked_for(const char* text, int most) {
  const std::string_view all = text ? text : "";
  if (all.find_first_not_of(blanks) == all.npos) return 0;
  char* end = nullptr;
  const long number = std::strtol(text, &end, 10);
  const std::string_view rest = all.substr(static_cast<std::size_t>(end - text));
  const std::size_t next = rest.find_first_not_of(blanks);
  if (end == text || number < 1 || number > most || (next != rest.npos && rest[next] != ','))
    return std::nullopt;
  return static_cast<int>(number);
}

int available_processors(const std::string& root) {
  int count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (const int usable = affinity(); usable > 0) count = std::min(count, usable);
  if (const double most = std::ceil(quota(root)); most < count)
    count = std::max(1, static_cast<int>(most));
  return count;
}

}  // namespace deltarule
