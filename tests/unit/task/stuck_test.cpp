// SPDX-License-Identifier: Apache-2.0
// Tasks that keep their worker: nobody waits for them, and the runtime says who they are.
#include <mutex>
#include <semaphore>
#include <thread>

#include <weft/weft.hpp>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;

namespace {

/// What the runtime logs.
class lines {
public:
    void add(const std::string& line) {
        const std::lock_guard lock(mutex_);
        text_ += line + "\n";
    }
    std::string text() {
        const std::lock_guard lock(mutex_);
        return text_;
    }

private:
    std::mutex mutex_;
    std::string text_;
};

/// Keeps its thread, by computing or in the kernel, until the condition holds.
template <class Condition>
void keep_thread(bool computes, Condition holds) {
    while (!holds())
        if (!computes) std::this_thread::sleep_for(1ms);
}

} // namespace

// Not in a nameless namespace, so that their names can be found in a stack.
namespace weft::testing {
[[gnu::noinline]] void compute_until(const std::atomic<bool>& over) {
    while (!over) {}
}
[[gnu::noinline]] void sleep_in_pieces_until(const std::atomic<bool>& over) {
    while (!over) std::this_thread::sleep_for(10ms);
}
} // namespace weft::testing

TEST_CASE(
    "CRO-16: stuck: timers, channels, cancellation and new tasks go on while every worker is stuck",
    "[task][stuck]") {
    weft::testing::leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    const bool computes = GENERATE(false, true);
    CAPTURE(workers, computes);
    weft::run({.workers = workers, .slow_task_after = std::chrono::nanoseconds::max()}, [&] {
        std::atomic<bool> released{false};
        std::atomic<unsigned> stuck{0};
        weft::channel<int> mail(4);
        weft::mutex m;
        weft::promise<int> promised;
        auto answer = promised.get_future();
        std::vector<weft::task<void>> hogs;
        for (unsigned i = 0; i < workers; ++i)
            hogs.push_back(weft::create_task([&, i] {
                std::unique_lock<weft::mutex> held(m, std::defer_lock);
                if (i == 0) held.lock();
                ++stuck;
                keep_thread(computes, [&] { return released.load(); });
                // Still without a place: all this is for the others.
                if (i == 0) promised.set_value(7);
                weft::create_task([&] { mail.send(1); });
                auto [one, two] = weft::gather([] { return 1; }, [] { return 2; });
                if (one + two == 3) mail.send(2);
            }));
        while (stuck < workers) weft::yield();
        auto waiter = weft::create_task([&] { const std::lock_guard held(m); });
        auto sleeper = weft::create_task([] { weft::sleep_for(1h); });
        weft::yield();
        sleeper.cancel();
        CHECK_THROWS_AS(weft::await(sleeper), weft::cancelled_error);
        CHECK_THROWS_AS(weft::wait_for(1ms, [] { weft::sleep_for(1h); }), weft::timeout_error);
        std::thread outside([&] { released = true; });
        outside.join();
        CHECK(weft::await(answer) == 7);
        int sum = 0;
        for (unsigned i = 0; i < 2 * workers; ++i) sum += mail.recv().value();
        CHECK(sum == static_cast<int>(3 * workers));
        for (auto& h : hogs) weft::await(h);
        weft::await(waiter);
    });
}

TEST_CASE("stuck: many calls that block at once get a thread each", "[task][stuck]") {
    weft::testing::leak_fixture nothing_leaks;
    weft::run({.workers = 2, .slow_task_after = std::chrono::nanoseconds::max()}, [] {
        std::atomic<int> inside{0};
        const int count = 30;
        std::vector<weft::task<void>> calls;
        for (int i = 0; i < count; ++i)
            calls.push_back(weft::create_task([&] {
                ++inside;
                keep_thread(false, [&] { return inside == count; }); // each waits for all others
            }));
        for (auto& c : calls) weft::await(c);
        // Caught in the kernel or, in between, on a core.
        const auto m = weft::metrics();
        CHECK(m.displaced_blocked + m.displaced_computing + m.lent_steps >= count - 2U);
    });
}

TEST_CASE("stuck: who has blocked before runs beside its worker the next time, until it blocks no "
          "more",
          "[task][stuck]") {
    weft::testing::leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U);
    CAPTURE(workers);
    weft::run({.workers = workers, .slow_task_after = std::chrono::nanoseconds::max()}, [] {
        std::binary_semaphore go_on(0);
        std::atomic<int> begun{0};
        weft::channel<bool> turns(1);
        auto patient = weft::create_task([&] {
            while (const auto blocks = turns.recv()) {
                ++begun;
                if (*blocks) go_on.acquire();
            }
        });
        const auto until = [](auto holds) {
            while (!holds()) weft::yield();
        };
        const auto lent = [] { return weft::metrics().lent_steps; };
        const auto displaced = [] {
            return weft::metrics().displaced_blocked + weft::metrics().displaced_computing;
        };
        const auto begin_turn = [&](bool blocks) { // when every spare is idle
            until([] { return weft::metrics().idle_spares == weft::metrics().spares; });
            const int begun_before = begun;
            turns.send(blocks);
            until([&] { return begun > begun_before; });
        };
        const auto quick_turn_is_lent = [&] {
            const auto before = lent();
            begin_turn(false);
            return lent() > before;
        };
        const auto blocking_turn_costs_a_place = [&] {
            const auto lent_before = lent(), displaced_before = displaced();
            begin_turn(true);
            until([&] { return lent() > lent_before || displaced() > displaced_before; });
            go_on.release();
            return displaced() > displaced_before;
        };
        const auto within_100 = [](auto holds) {
            for (int i = 0; i < 100; ++i)
                if (holds()) return true;
            return false;
        };
        CHECK_FALSE(quick_turn_is_lent());
        CHECK(blocking_turn_costs_a_place());
        // Not at once, maybe: a thread that has no core just then is not seen to block.
        CHECK(within_100([&] { return !blocking_turn_costs_a_place(); }));
        CHECK(quick_turn_is_lent());
        CHECK(within_100([&] { return !quick_turn_is_lent(); }));
        CHECK(blocking_turn_costs_a_place());
        turns.close();
        weft::await(patient);
    });
}

TEST_CASE("stuck: long steps get threads in the end, however many wait for each other",
          "[task][stuck]") {
    weft::testing::leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U);
    CAPTURE(workers);
    weft::run({.workers = workers, .slow_task_after = std::chrono::nanoseconds::max()}, [&] {
        const unsigned count = workers + 3;
        std::atomic<unsigned> first{0}, second{0};
        weft::event all_idle;
        std::vector<weft::task<void>> tasks;
        for (unsigned i = 0; i < count; ++i)
            tasks.push_back(weft::create_task([&] {
                ++first;
                keep_thread(true, [&] { return first == count; });
                all_idle.wait();
                ++second;
                keep_thread(true, [&] { return second == count; });
            }));
        while (first < count || weft::metrics().idle_spares < weft::metrics().spares) weft::yield();
        const auto lent_before = weft::metrics().lent_steps;
        all_idle.set();
        for (auto& t : tasks) weft::await(t);
        CHECK(weft::metrics().lent_steps > lent_before);
    });
}

TEST_CASE("DBG-01: stuck: a slow task is told once, with name, place and how it keeps its thread",
          "[task][stuck]") {
    weft::testing::leak_fixture nothing_leaks;
    const bool computes = GENERATE(false, true);
    lines log;
    std::binary_semaphore told(0); // one wait: naps would be awake at times
    weft::run({.workers = 1,
               .slow_task_after = 50ms, // nothing else here lasts so long
               .log_handler =
                   [&](const std::string& line) {
                       log.add(line);
                       told.release();
                   }},
              [&] {
                  auto slow = weft::create_task(
                      {.name = "molasses", .file = "kitchen.cpp", .line = 12}, [&] {
                          if (computes)
                              keep_thread(true, [&] { return !log.text().empty(); });
                          else
                              told.acquire();
                      });
                  weft::await(slow);
                  CHECK(weft::metrics().slow_tasks == 1);
              });
    const std::string text = log.text();
    CAPTURE(text);
    CHECK_THAT(text,
               Catch::StartsWith("weft: task 'molasses', created at kitchen.cpp:12 has run for "));
    CHECK((text.find("blocked in the kernel") != std::string::npos) == !computes);
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE(
    "DBG-02: stuck: on request the stack of a slow task is told, whether it computes or blocks",
    "[task][stuck]") {
    weft::testing::leak_fixture nothing_leaks;
    const bool computes = GENERATE(true, false);
    const unsigned workers = GENERATE(1U, 2U);
    lines log;
    std::atomic<bool> over{false};
    weft::run({.workers = workers,
               .slow_task_after = 50ms,
               .log_handler =
                   [&](const std::string& line) {
                       log.add(line);
                       over = true;
                   },
               .slow_task_stack = true},
              [&] {
                  auto slow = weft::create_task({.name = "molasses"}, [&] {
                      errno = 7;
                      computes ? weft::testing::compute_until(over)
                               : weft::testing::sleep_in_pieces_until(over);
                      if (computes && errno != 7) log.add("errno was changed");
                  });
                  weft::await(slow);
              });
    const std::string text = log.text();
    CAPTURE(text);
    CHECK_THAT(text, Catch::StartsWith("weft: task 'molasses'") && Catch::Contains("\n    at ") &&
                         !Catch::Contains("errno was changed"));
    CHECK_THAT(text,
               Catch::Contains(computes ? "weft::testing::compute_until(std::atomic<bool> "
                                          "const&) + 0x"
                                        : "weft::testing::sleep_in_pieces_until(std::atomic"));
    CHECK_THAT(text, Catch::Contains("weft_tests + 0x"));
}

TEST_CASE("stuck: when there are no more spares, that is said, and the rest follows later",
          "[task][stuck]") {
    weft::testing::leak_fixture nothing_leaks;
    lines log;
    std::atomic<int> done{0};
    weft::run({.workers = 1,
               .max_spares = 1,
               .slow_task_after = std::chrono::nanoseconds::max(),
               .log_handler = [&](const std::string& line) { log.add(line); }},
              [&] {
                  std::vector<weft::task<void>> calls;
                  for (int i = 0; i < 3; ++i)
                      calls.push_back(weft::create_task({.name = "call"}, [&] {
                          keep_thread(false, [&] { return !log.text().empty(); });
                          ++done;
                      }));
                  for (auto& c : calls) weft::await(c);
              });
    CHECK(done == 3);
    const std::string text = log.text();
    CAPTURE(text);
    CHECK_THAT(text, Catch::Contains("all 1 spare threads are taken") &&
                         Catch::Contains("task 'call'") && Catch::Contains("max_spares"));
}

TEST_CASE("SHT-04: stuck: shutdown comes back at its deadline with the names of those who keep "
          "every worker",
          "[task][stuck]") {
    weft::testing::leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U);
    std::atomic<bool> released{false};
    std::atomic<unsigned> stuck{0};
    weft::runtime rt({.workers = workers, .slow_task_after = std::chrono::nanoseconds::max()});
    for (unsigned i = 0; i < workers + 1; ++i)
        rt.spawn({.name = "hog"}, [&] {
            ++stuck;
            keep_thread(true, [&] { return released.load(); });
        });
    auto sleeper = rt.spawn({.name = "sleeper"}, [] { weft::sleep_for(1h); });
    while (stuck < workers + 1) std::this_thread::yield();
    auto left = rt.shutdown(20ms);
    // A spare serves the sleeper; on a busy machine not within the first limit.
    while (left.size() > workers + 1) left = rt.shutdown(20ms);
    CHECK(left.size() == workers + 1);
    for (const auto& t : left) CHECK(t.name() == "hog");
    CHECK(sleeper.done());
    released = true;
}
