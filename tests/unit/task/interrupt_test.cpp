// SPDX-License-Identifier: Apache-2.0
// weft::run and SIGINT.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "support/child.hpp"
#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

/// SIGINT as a program begins with it: the test framework has its own handler.
struct usual_interrupt {
    struct sigaction before {};
    usual_interrupt() {
        struct sigaction usual {};
        usual.sa_handler = SIG_DFL;
        sigaction(SIGINT, &usual, &before);
    }
    ~usual_interrupt() { sigaction(SIGINT, &before, nullptr); }
    usual_interrupt(const usual_interrupt&) = delete;
    usual_interrupt& operator=(const usual_interrupt&) = delete;
    [[nodiscard]] static bool is_back() {
        struct sigaction now {};
        sigaction(SIGINT, nullptr, &now);
        return now.sa_handler == SIG_DFL;
    }
};

// To this thread: another one might sit in a wait that the thread sanitizer does not know, and hear of it never.
void interrupt_this_process() { raise(SIGINT); }

/// In a main task, which may begin before run listens to the signal.
void interrupt_the_run() {
    while (usual_interrupt::is_back()) weft::yield();
    interrupt_this_process();
}

} // namespace

TEST_CASE(
    "SIG-04: SIGINT cancels the main task, clean-up runs, and run says that it was interrupted",
    "[task]") {
    leak_fixture nothing_leaks;
    const usual_interrupt begins;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    bool cleaned = false;
    std::string reason;
    auto program = [&] {
        interrupt_the_run();
        try {
            weft::sleep_for(1h);
        } catch (const weft::cancelled_error& e) {
            reason = e.what();
            weft::sleep_for(1us); // clean-up may wait
            cleaned = true;
            throw;
        }
    };
    CHECK_THROWS_AS(weft::run({.workers = workers}, program), weft::interrupted);
    CHECK(cleaned);
    CHECK(reason == "SIGINT");
    CHECK(usual_interrupt::is_back());
    // A main task that gives a value all the same was interrupted, too.
    auto swallows = [] {
        interrupt_the_run();
        try {
            weft::sleep_for(1h);
        } catch (const weft::cancelled_error&) {}
        return 1;
    };
    CHECK_THROWS_AS(weft::run({.workers = workers}, swallows), weft::interrupted);
}

TEST_CASE("SIG-04: a main task that is cancelled on its own is just that; an event_loop, a runtime "
          "and other threads leave SIGINT alone",
          "[task]") {
    leak_fixture nothing_leaks;
    const usual_interrupt begins;
    CHECK_THROWS_AS(weft::run({.workers = 2},
                              [] {
                                  weft::current_task().cancel("own");
                                  weft::sleep_for(1h);
                              }),
                    weft::cancelled_error);
    weft::runtime rt({.workers = 1});
    CHECK(rt.block_on([] { return usual_interrupt::is_back(); }));
    bool untouched = false;
    std::thread([&] {
        untouched = weft::run({.workers = 1}, [] { return usual_interrupt::is_back(); });
    }).join();
    CHECK(untouched);
}

TEST_CASE("SIG-04: a second SIGINT ends the process", "[task]") {
    constexpr const char* k_child = "WEFT_TEST_SECOND_INTERRUPT";
    if (std::getenv(k_child) == nullptr) {
        const auto end = this_test_again(k_child);
        CAPTURE(end.status, end.said);
        CHECK(end.killed_by(SIGINT));
        return;
    }
    signal(SIGINT, SIG_DFL);
    weft::run({.workers = 1}, [] {
        interrupt_the_run();
        for (;;) try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) { interrupt_this_process(); }
    });
}
