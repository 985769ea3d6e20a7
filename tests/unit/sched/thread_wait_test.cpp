// SPDX-License-Identifier: Apache-2.0
// A plain thread that waits through the same class as a task.
#include <weft/sched/suspend.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace weft::detail;

TEST_CASE("a thread whose wait was ended goes on only when it is resumed", "[sched]") {
    // Until then the one who ended it may use what lies in the thread's frame.
    int too_early = 0;
    for (int round = 0; round < 500; ++round) {
        waker who;
        std::atomic<bool> begun{false}, claimed{false}, resumed{false};
        std::atomic<bool> early{false};
        std::thread sleeper([&] {
            wait w;
            if (!w.begin()) return;
            who = w.self();
            begun = true;
            while (!claimed) std::this_thread::yield();
            const wait_end how = w.park(); // has ended already
            early = !resumed || how != wait_end::notified;
        });
        while (!begun) std::this_thread::yield();
        const bool ended = who.claim(wait_end::notified);
        claimed = true;
        std::this_thread::yield();
        resumed = true;
        if (ended) who.who->resume();
        sleeper.join();
        too_early += early || !ended;
    }
    CHECK(too_early == 0);
}

TEST_CASE("a thread's wait ends once: by the notifier or by its deadline", "[sched]") {
    int notified = 0, expired = 0;
    for (int round = 0; round < 300; ++round) {
        waker who;
        std::atomic<bool> begun{false};
        wait_end how{};
        std::thread sleeper([&] {
            wait w;
            if (!w.begin()) return;
            who = w.self();
            begun = true;
            how = w.park(deadline_after(std::chrono::microseconds(round)));
        });
        while (!begun) std::this_thread::yield();
        const bool mine = who.wake();
        sleeper.join();
        notified += mine && how == wait_end::notified;
        expired += !mine && how == wait_end::expired;
    }
    CHECK(notified + expired == 300);
}

TEST_CASE("a wait that is withdrawn leaves nothing for the next one", "[sched]") {
    wait first;
    REQUIRE(first.begin());
    const waker old = first.self();
    CHECK(first.withdraw());
    CHECK_FALSE(old.wake());
    wait second;
    REQUIRE(second.begin());
    CHECK_FALSE(old.wake()); // of an earlier epoch
    CHECK(second.park(deadline_after(std::chrono::milliseconds(1))) == wait_end::expired);
}
