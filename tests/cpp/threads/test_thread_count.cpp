#include "threads/thread_count.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif

using deltarule::available_processors;
using deltarule::threads_asked_for;

namespace {

namespace fs = std::filesystem;

// A folder with /proc and /sys of its own, which goes when the test ends.
class Root {
 public:
  Root() {
    static int made = 0;
    path_ =
        fs::temp_directory_path() /
        ("deltarule-" + std::to_string(std::hash<std::thread::id>{}(std::this_thread::get_id())) +
         "-" + std::to_string(++made));
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;
  ~Root() { fs::remove_all(path_); }

  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text;
  }
  int processors() const { return available_processors(path_.string()); }

 private:
  fs::path path_;
};

const std::string cgroup = "sys/fs/cgroup/";

}  // namespace

TEST_CASE("what OMP_NUM_THREADS asks for") {
  for (const char* const nothing : {static_cast<const char*>(nullptr), "", "  "})
    CHECK(threads_asked_for(nothing, 64) == 0);
  CHECK(threads_asked_for("1", 64) == 1);
  CHECK(threads_asked_for("64", 64) == 64);
  CHECK(threads_asked_for(" 07 ", 64) == 7);
  CHECK(threads_asked_for("4,2", 64) == 4);
  CHECK(threads_asked_for("4 , 2", 64) == 4);
  for (const char* const nonsense :
       {"abc", "0", "-1", "2x", "2 x", "1.5", ",2", "65", "99999999999999999999"}) {
    CAPTURE(nonsense);
    CHECK_FALSE(threads_asked_for(nonsense, 64));
  }
}

#if defined(__linux__)

TEST_CASE("without a quota there are as many processors as the process may run on") {
  cpu_set_t set;
  REQUIRE(sched_getaffinity(getpid(), sizeof set, &set) == 0);
  const Root root;
  CHECK(root.processors() ==
        std::min(static_cast<int>(std::thread::hardware_concurrency()), CPU_COUNT(&set)));
  root.write("proc/self/cgroup", "0::/\n");
  root.write(cgroup + "cpu.max", "max 100000\n");
  CHECK(root.processors() == Root().processors());
}

TEST_CASE("affinity bounds them") {
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  const int count = Root().processors();
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK(count == 1);
}

TEST_CASE("the quota of the control group bounds them, of either version") {
  const int all = Root().processors();
  struct Quota {
    long of_a_thousandth;
    int least;
  };
  for (const auto& [thousandths, processors] :
       {Quota{1, 1}, Quota{500, 1}, Quota{1000, 1}, Quota{1001, 2}, Quota{2000, 2},
        Quota{1000000, 1000}}) {
    CAPTURE(thousandths);
    const std::string quota = std::to_string(100 * thousandths), period = "100000";
    const int expected = std::min(all, processors);

    const Root second;
    second.write("proc/self/cgroup", "0::/user/job\n");
    second.write(cgroup + "user/job/cpu.max", quota + " " + period + "\n");
    CHECK(second.processors() == expected);

    for (const std::string folder : {"cpu", "cpu,cpuacct"}) {
      CAPTURE(folder);
      const Root first;
      first.write("proc/self/cgroup", "5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n");
      first.write(cgroup + folder + "/job/cpu.cfs_quota_us", quota + "\n");
      first.write(cgroup + folder + "/job/cpu.cfs_period_us", period + "\n");
      CHECK(first.processors() == expected);
    }
  }
}

TEST_CASE("the least quota of a group and of those around it counts") {
  const Root nested;
  nested.write("proc/self/cgroup", "0::/outer/inner\n");
  nested.write(cgroup + "outer/cpu.max", "100000 100000\n");
  nested.write(cgroup + "outer/inner/cpu.max", "max 100000\n");
  CHECK(nested.processors() == 1);

  // A container that sees the path that its group has outside.
  const Root container;
  container.write("proc/self/cgroup", "1:cpu:/docker/0123\n");
  container.write(cgroup + "cpu/cpu.cfs_quota_us", "50000\n");
  container.write(cgroup + "cpu/cpu.cfs_period_us", "100000\n");
  CHECK(container.processors() == 1);
}

TEST_CASE("files that make no sense say nothing") {
  const int all = Root().processors();
  const auto processors = [](const std::string& groups, const std::string& quota) {
    const Root root;
    root.write("proc/self/cgroup", groups);
    root.write(cgroup + "cpu.max", quota);
    return root.processors();
  };
  for (const char* const groups : {"", "\n", "0", "0:", "0::", ":::::\n", "0::/../..\n"})
    CHECK(processors(groups, "max 100000") == all);
  for (const char* const quota : {"", "max", "100000", "100000 0", "-1 100000", "x y", "0 100000"})
    CHECK(processors("0::/\n", quota) == all);
}

#endif
