#include "threads/crew.hpp"
#include "threads/thread_pool.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace deltarule;
using namespace std::chrono_literals;

namespace {

class Piece : public Task {
 public:
  explicit Piece(std::function<void(Interrupt&)> work = [](Interrupt&) {})
      : work_(std::move(work)) {}
  void perform(Interrupt& interrupt) noexcept override {
    work_(interrupt);
    ++times;
  }
  std::atomic<int> times{0};

 private:
  std::function<void(Interrupt&)> work_;
};

// Waits for so many to have ended; ten seconds stand for ever.
std::vector<Task*> wait_for(Crew& crew, std::size_t count) {
  std::vector<Task*> all;
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (all.size() < count && std::chrono::steady_clock::now() < deadline)
    for (Task* const task : crew.ended(10ms)) all.push_back(task);
  return all;
}

// Goes on until it is asked to stop.
void until_stopped(Interrupt& interrupt) {
  while (!interrupt.poll()) std::this_thread::yield();
}

}  // namespace

TEST_CASE("every piece is done once, and handed back once") {
  for (const int threads : {1, 2, 5}) {
    CAPTURE(threads);
    std::vector<Piece> pieces(40);
    Crew crew(threads);
    for (Piece& piece : pieces) crew.begin(piece, 1);
    const std::vector<Task*> ended = wait_for(crew, pieces.size());
    CHECK(ended.size() == pieces.size());
    CHECK(std::set<Task*>(ended.begin(), ended.end()).size() == pieces.size());
    CHECK(std::all_of(pieces.begin(), pieces.end(), [](const Piece& p) { return p.times == 1; }));
    CHECK(crew.ended(0ms).empty());
  }
}

TEST_CASE("one thread does them in the order of their coming") {
  std::vector<int> order;
  std::deque<Piece> pieces;
  for (int k = 0; k < 10; ++k) pieces.emplace_back([&order, k](Interrupt&) { order.push_back(k); });
  Crew crew(1);
  for (Piece& piece : pieces) crew.begin(piece, 1);
  wait_for(crew, pieces.size());
  CHECK(std::is_sorted(order.begin(), order.end()));
  CHECK(order.size() == 10);
}

TEST_CASE("as many as there are threads are done at the same time") {
  std::atomic<int> begun = 0;
  std::atomic<bool> met = true;
  const auto meet = [&](Interrupt&) {
    ++begun;
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (begun < 3)
      if (std::chrono::steady_clock::now() > deadline) met = false, begun = 3;
  };
  Piece a(meet), b(meet), c(meet);
  Crew crew(3);
  for (Piece* const piece : {&a, &b, &c}) crew.begin(*piece, 1);
  CHECK(wait_for(crew, 3).size() == 3);
  CHECK(met);
}

TEST_CASE("a piece has the threads of the pool that it was given") {
  std::atomic<int> seen = 0;
  Piece piece([&](Interrupt&) { seen = ThreadPool::size(); });
  const int before = ThreadPool::size();
  Crew crew(1);
  crew.begin(piece, 3);
  wait_for(crew, 1);
  CHECK(seen == 3);
  CHECK(ThreadPool::size() == before);
}

TEST_CASE("who asks waits no longer than he says") {
  Piece endless(until_stopped);
  Crew crew(1);
  crew.begin(endless, 1);
  CHECK(crew.ended(1ms).empty());
  crew.stop();
  CHECK(wait_for(crew, 1).size() == 1);
}

TEST_CASE("what is stopped ends, and what was waiting ends as soon as it has begun") {
  std::deque<Piece> pieces;
  for (int k = 0; k < 6; ++k) pieces.emplace_back(until_stopped);
  Crew crew(2);
  for (Piece& piece : pieces) crew.begin(piece, 1);
  crew.stop();
  CHECK(wait_for(crew, pieces.size()).size() == pieces.size());
}

TEST_CASE("the planner helps, where something waits") {
  Piece piece;
  Crew crew(0);
  Interrupt never;
  CHECK(!crew.help(never));
  crew.begin(piece, 1);
  CHECK(crew.help(never));
  CHECK(piece.times == 1);
  CHECK(crew.ended(0ms) == std::vector<Task*>{&piece});
  CHECK(!crew.help(never));
}

TEST_CASE("a crew without threads leaves nothing undone") {
  Piece endless(until_stopped);
  {
    Crew crew(0);
    crew.begin(endless, 1);
  }
  CHECK(endless.times == 1);
}

TEST_CASE("the end of a crew stops what it does, and leaves nothing undone") {
  std::deque<Piece> pieces;
  for (int k = 0; k < 6; ++k) pieces.emplace_back(until_stopped);
  {
    Crew crew(2);
    for (Piece& piece : pieces) crew.begin(piece, 1);
  }
  CHECK(std::all_of(pieces.begin(), pieces.end(), [](const Piece& p) { return p.times == 1; }));
}

#if defined(__unix__) || defined(__APPLE__)
TEST_CASE("a child of fork is told that the threads are not there, and ends") {
  Piece endless(until_stopped);
  Crew crew(1);
  crew.begin(endless, 1);
  const pid_t child = fork();
  if (child == 0) {
    int told = 1;
    try {
      crew.ended(1ms);
    } catch (const std::runtime_error&) {
      told = 0;
    }
    crew.~Crew();
    _exit(told);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
#endif
