// SPDX-License-Identifier: Apache-2.0
// What callbacks throw, and debug mode.
#include <cstdlib>
#include <mutex>

#include "loop/loop_core.hpp"
#include "unit/loop/loop_support.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;
using weft::event_loop;

/// Not in the namespace below: reports show this name.
[[gnu::noinline]] weft::handle loop_test_schedules_a_failure(weft::loop& l) {
    auto h = l.call_soon([] { throw std::runtime_error("broken"); });
    asm volatile(""); // no tail call: we are to be seen
    return h;
}

namespace {

struct said {
    std::vector<std::string> lines;
    [[nodiscard]] auto listener() {
        return [this](const weft::exception_context& c) {
            lines.push_back(c.message + ": " + weft::describe(c.exception));
        };
    }
};

} // namespace

TEST_CASE("LOOP-13 LOOP-14 DBG-04: what a callback throws goes to the exception handler, with the "
          "place that scheduled it; the loop goes on",
          "[loop]") {
    leak_fixture nothing_leaks;
    said heard;
    event_loop l;
    notes log;
    l.set_exception_handler(heard.listener());
    loop_test_schedules_a_failure(l);
    l.call_soon(log.of("next"));
    l.call_later(0s, [] { throw 7; });
    run_turns(l);
    CHECK(log.take() == "next");
    REQUIRE(heard.lines.size() == 2);
    CHECK_THAT(heard.lines[0], Catch::Contains("a callback of a loop, scheduled by") &&
                                   Catch::Contains("loop_test_schedules_a_failure") &&
                                   Catch::Contains("broken"));
    // Every runtime has its own; none restores the default.
    said other;
    event_loop second({.exception_handler = other.listener()});
    loop_test_schedules_a_failure(second);
    run_turns(second);
    CHECK(other.lines.size() == 1);
    CHECK(heard.lines.size() == 2);
}

TEST_CASE("LOOP-14: the handler of one core's loop is that of its whole runtime, tasks included",
          "[loop]") {
    over_workers([] {
        weft::promise<std::string> p;
        weft::get_running_loop().set_exception_handler(
            [&](const weft::exception_context& c) { p.set_value(c.task_name + ":" + c.message); });
        weft::create_task({.name = "lost"}, [] { throw 1; });
        const std::string told = p.get_future().get();
        CHECK_THAT(told, Catch::StartsWith("lost:") && Catch::EndsWith("was never retrieved"));
        weft::get_running_loop().set_exception_handler({});
    });
}

TEST_CASE("LOOP-15: an exception handler that throws itself does not stop the loop", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    int handled = 0;
    l.set_exception_handler([&](const weft::exception_context&) {
        ++handled;
        throw std::runtime_error("a broken handler (said by a test)");
    });
    l.call_soon([] { throw std::runtime_error("first (said by a test)"); });
    l.call_soon([] { throw std::runtime_error("second (said by a test)"); });
    notes log;
    l.call_soon(log.of("goes on"));
    run_turns(l);
    CHECK(handled == 2);
    CHECK(log.take() == "goes on");
}

TEST_CASE("DBG-01: in debug mode a slow callback is told, with the place that scheduled it and its "
          "duration",
          "[loop]") {
    std::mutex lock; // the monitor may have something to say as well
    std::string told;
    event_loop l({.slow_task_after = 1h, .log_handler = [&](const std::string& line) {
                      const std::lock_guard guard(lock);
                      if (line.find("callback") != std::string::npos) told = line;
                  }});
    auto slow = [] {
        const auto until = std::chrono::steady_clock::now() + 2ms;
        while (std::chrono::steady_clock::now() < until) {}
    };
    auto said_of = [&](auto f) {
        l.call_soon(f);
        run_turns(l);
        const std::lock_guard guard(lock);
        return std::exchange(told, {});
    };
    l.set_debug(true);
    CHECK(l.get_debug());
    CHECK(said_of(slow) == ""); // not that slow
    l.set_slow_callback_duration(2ms);
    CHECK(l.slow_callback_duration() == 2ms);
    l.set_debug(false);
    CHECK(said_of(slow) == "");
    l.set_debug(true);
    CHECK_THAT(said_of(slow), Catch::Contains("a callback of a loop, scheduled by") &&
                                  Catch::Matches(".*took [1-9][0-9]* ms.*"));
}

TEST_CASE("DBG-01 DBG-02: a task that keeps an event_loop's thread is told by the monitor while it "
          "does; nobody serves the others",
          "[loop]") {
    leak_fixture nothing_leaks;
    std::atomic<bool> told{false};
    std::string line;
    event_loop l({.slow_task_after = 1ms, .log_handler = [&](const std::string& text) {
                      if (told) return; // one line a second
                      line = text;
                      told = true;
                  }});
    bool others_ran = false, alone = false;
    l.run_until_complete([&] {
        auto keeps = weft::create_task({.name = "hog"}, [&] {
            while (!told) {} // ends by the report alone
            alone = !others_ran;
        });
        auto other = weft::create_task([&] { others_ran = true; });
        weft::await(keeps);
        weft::await(other);
    });
    CHECK(alone);
    CHECK_THAT(line, Catch::Contains("has run for"));
    CHECK_THAT(line, Catch::Contains("'hog'") || Catch::Contains("'main'"));
}

TEST_CASE("DBG-03: debug mode is on by argument or by environment; the argument wins", "[loop]") {
    CHECK_FALSE(event_loop().get_debug());
    CHECK(event_loop({.debug = true}).get_debug());
    setenv("WEFT_DEBUG", "1", 1);
    CHECK(event_loop().get_debug());
    setenv("WEFT_DEBUG", "0", 1);
    CHECK(event_loop({.debug = true}).get_debug());
    setenv("WEFT_DEBUG", "maybe", 1);
    CHECK_THROWS_AS(event_loop(), std::invalid_argument);
    unsetenv("WEFT_DEBUG");
}

TEST_CASE("callbacks see the task_local values of who scheduled them", "[loop]") {
    event_loop l;
    weft::task_local<int> v(1);
    notes log;
    l.run_until_complete([&] {
        weft::loop& here = weft::get_running_loop();
        v.set(2);
        here.call_soon([&] {
            log(std::to_string(v.get()));
            v.set(3); // its own copy
        });
        here.call_later(0s, [&] { log(std::to_string(v.get())); });
        weft::yield();
        weft::yield();
        log(std::to_string(v.get()));
    });
    CHECK(log.take() == "2 2 2");
}

TEST_CASE("a callback may wait; those behind it wait, tasks do not", "[loop]") {
    timeless_loop l;
    notes log;
    l.call_soon([&] {
        log("a");
        weft::sleep_for(1s);
        log("a'");
    });
    l.call_soon(log.of("b"));
    l.create_task(log.of("t"));
    l.run_until_complete([] { weft::sleep_for(2s); });
    CHECK(log.take() == "a t a' b");
}
