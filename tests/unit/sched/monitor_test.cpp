// SPDX-License-Identifier: Apache-2.0
// Nobody waits for a stuck worker: every other one, and all that waited for it, goes on while it computes or blocks.
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include <weft/sched/blocking.hpp>
#include <weft/weft.hpp>

#include "support/leak_fixture.hpp"
#include "support/party.hpp"
#include "support/reactor_guests.hpp"

using namespace weft;
using namespace weft::detail;
using namespace weft::testing;

namespace {

scheduler_options watched(unsigned workers, unsigned spares = 64) {
    scheduler_options o = party_of(workers);
    o.spares = spares;
    o.watch = monitor::settings{};
    return o;
}

/// A way to keep a worker: until it is released.
struct hog {
    enum class kind { computes, sleeps, announces };
    kind how = kind::computes;
    std::atomic<bool> released{false};
    std::atomic<int> running{0};

    void nap() const {
        while (!released) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    void occupy() {
        ++running;
        if (how == kind::computes)
            while (!released) cpu_pause();
        else if (how == kind::sleeps)
            nap();
        else
            blocking([this] { nap(); });
        --running;
    }
};

/// What an observer of steps of 5 ms is told.
struct notes final : stuck_observer {
    std::atomic<int> slow{0}, kernel{0}, none{0};
    void slow_step(worker&, std::uint64_t, deadline_ns lasts, bool in_kernel) noexcept override {
        if (lasts >= 5'000'000) ++slow;
        if (in_kernel) ++kernel;
    }
    void no_spare(worker&, std::uint64_t, unsigned spares) noexcept override {
        if (spares == 1) ++none;
    }
};

} // namespace

TEST_CASE_METHOD(
    leak_fixture,
    "monitor: queue, slot, timer, socket and calls from outside are served while every "
    "worker is stuck",
    "[sched][stuck]") {
    const unsigned workers = GENERATE(1U, 2U, 4U);
    scheduler_options o = watched(workers);
    o.force_migration = GENERATE(false, true);
    hog h;
    h.how = GENERATE(hog::kind::computes, hog::kind::sleeps, hog::kind::announces);
    CAPTURE(workers, static_cast<int>(h.how));
    party p(o);
    reactor_guests guests(p);
    bell outside;
    std::atomic<bool> queued{false}, in_slot{false}, rung{false};
    p.spawn([&] {
        outside.wait();
        rung = true;
    });
    p.spawn([&] {
        guests.settle();
        p.spawn([&] { queued = true; });
        p.spawn([&] { in_slot = true; });
        h.occupy();
    });
    REQUIRE(eventually([&] { return h.running == 1; }));
    for (unsigned i = 1; i < workers + 2; ++i) p.spawn([&] { h.occupy(); });
    REQUIRE(eventually([&] { return h.running == static_cast<int>(workers) + 2; }));
    guests.send();
    outside.ring();
    CHECK(eventually([&] { return queued && in_slot && rung && guests.are_served(); }));
    h.released = true;
}

TEST_CASE_METHOD(leak_fixture, "monitor: what a displaced worker makes ready is run by the others",
                 "[sched][stuck]") {
    const unsigned workers = GENERATE(1U, 2U);
    party p(watched(workers));
    std::atomic<int> displaced{0}, ran{0};
    std::atomic<bool> released{false};
    for (unsigned i = 0; i < workers; ++i)
        p.spawn([&] {
            worker& mine = *worker::current();
            p.spawn([&] { ++ran; }); // something must wait behind a computing one
            while (mine.permission.get() != nullptr) cpu_pause();
            for (int k = 0; k < 10; ++k) p.spawn([&] { ++ran; });
            ++displaced;
            while (!released) cpu_pause();
        });
    CHECK(eventually([&] { return ran == 11 * static_cast<int>(workers); }));
    CHECK(eventually([&] { return displaced == static_cast<int>(workers); }));
    released = true;
    p.join();
    // Everybody who has lost his permit is a spare now.
    CHECK(eventually([&] { return p.sched.idle_spares() == p.sched.workers() - workers; }));
}

TEST_CASE_METHOD(leak_fixture, "monitor: without spares, a stuck worker holds up what waits for it",
                 "[sched][stuck]") {
    party p(watched(1, 0));
    hog h;
    std::atomic<bool> ran{false};
    p.spawn([&] {
        p.spawn([&] { ran = true; });
        h.occupy();
    });
    REQUIRE(eventually([&] { return h.running == 1; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK_FALSE(ran);
    h.released = true;
    CHECK(eventually([&] { return ran.load(); }));
    CHECK(p.sched.watched()->computing == 0);
}

TEST_CASE_METHOD(leak_fixture,
                 "a worker that is busy itself looks after the reactor of a stuck one", "[sched]") {
    weft::run({.workers = 2, .max_spares = 0}, [] {
        std::atomic<bool> fired{false};
        auto busy = weft::create_task([&] {
            while (!fired) weft::yield();
        });
        // The limit's timer is in the reactor of the worker that runs this, which never waits.
        auto stuck = weft::create_task([&] {
            weft::timeout(std::chrono::milliseconds(5), [&](weft::timeout_scope& limit) {
                while (!limit.expired()) {}
            });
            fired = true;
        });
        weft::await(stuck);
        weft::await(busy);
        CHECK(fired);
    });
}

TEST_CASE_METHOD(leak_fixture, "monitor: no more spares than allowed, each used again",
                 "[sched][stuck]") {
    party p(watched(2, 8));
    std::atomic<int> done{0};
    const int count = 40;
    for (int i = 0; i < count; ++i)
        p.spawn([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            ++done;
        });
    CHECK(eventually([&] { return done == count; }));
    CHECK(p.sched.workers() <= 10);
    CHECK(eventually([&] { return p.sched.idle_spares() == p.sched.workers() - 2; }));
    CHECK(p.sched.watched()->blocked > 0);
}

TEST_CASE_METHOD(leak_fixture, "monitor: nobody is displaced behind whom nothing waits",
                 "[sched][stuck]") {
    party p(watched(2));
    hog h;
    p.spawn([&] { h.occupy(); });
    p.spawn([&] { h.occupy(); });
    REQUIRE(eventually([&] { return h.running == 2; }));
    const auto some_looks = [&p](unsigned n) {
        const std::uint64_t looks = p.sched.watched()->looks;
        REQUIRE(eventually([&] { return p.sched.watched()->looks >= looks + n; }));
    };
    some_looks(2); // the second one waited behind the first, maybe: that look is over now
    const std::uint64_t before = p.sched.watched()->computing;
    some_looks(10);
    CHECK(p.sched.watched()->computing == before);
    h.released = true;
}

TEST_CASE_METHOD(leak_fixture, "monitor: dozes while nobody runs, and wakes with the first",
                 "[sched][stuck]") {
    party p(watched(GENERATE(1U, 2U)));
    for (int round = 0; round < 3; ++round) {
        std::uint64_t last = 0;
        REQUIRE(eventually([&] {
            const std::uint64_t before = std::exchange(last, p.sched.watched()->looks.load());
            std::this_thread::sleep_for(std::chrono::milliseconds(30));
            return before == last;
        }));
        hog h;
        std::atomic<bool> served{false};
        p.spawn([&] {
            p.spawn([&] { served = true; });
            h.occupy();
        });
        CHECK(eventually([&] { return served.load(); }));
        h.released = true;
        p.join();
    }
}

TEST_CASE_METHOD(leak_fixture, "monitor: slow steps are told once each, with who and where",
                 "[sched][stuck]") {
    notes told;
    scheduler_options o = watched(1, 1);
    o.watch->slow_after = 5'000'000;
    o.watch->observer = &told;
    party p(o);
    hog h;
    h.how = hog::kind::sleeps;
    for (int i = 0; i < 3; ++i) p.spawn([&] { h.occupy(); });
    CHECK(eventually(
        [&] { return told.slow == 2 && told.none == 1; })); // the third one has not begun
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(told.slow == 2);
    CHECK(told.kernel == 2);
    h.released = true;
    p.join();
}

TEST_CASE_METHOD(leak_fixture,
                 "monitor: in a crowd of slow steps each is told, also what runs without a permit",
                 "[sched][stuck]") {
    notes told;
    scheduler_options o = watched(1);
    o.watch->slow_after = 5'000'000;
    o.watch->observer = &told;
    party p(o);
    hog h;
    h.how = hog::kind::sleeps;
    const int count = 30;
    for (int i = 0; i < count; ++i) p.spawn([&] { h.occupy(); });
    CHECK(eventually([&] { return told.slow == count; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(told.slow == count);
    h.released = true;
    p.join();
    CHECK(eventually([&] { return p.sched.idle_spares() == p.sched.workers() - 1; }));
}

TEST_CASE_METHOD(
    leak_fixture,
    "blocking: returns and throws what f does, on threads and in fibers, nested and with "
    "waits inside",
    "[sched][stuck]") {
    CHECK(blocking([] { return 7; }) == 7);
    scheduler_options o = watched(GENERATE(1U, 2U));
    o.force_migration = GENERATE(false, true);
    party p(o);
    std::atomic<int> sum{0};
    for (int i = 0; i < 100; ++i)
        p.spawn([&] {
            sum += blocking([] { return 1; });
            sum += blocking([&] {
                yield_now();
                return blocking([] { return 1; });
            });
            try {
                blocking([]() { throw 1; });
            } catch (int one) { sum += one; }
        });
    p.join();
    CHECK(sum == 300);
}

TEST_CASE_METHOD(leak_fixture,
                 "blocking: one quick call after the other, without a wait, holds nobody up",
                 "[sched][stuck]") {
    party p(watched(GENERATE(1U, 2U)));
    std::atomic<int> busy{0};
    std::atomic<bool> other_ran{false};
    const int count = static_cast<int>(p.sched.permits());
    for (int i = 0; i < count; ++i)
        p.spawn([&] {
            ++busy;
            while (busy < count) cpu_pause();
            p.spawn([&] { other_ran = true; });
            while (!other_ran) blocking([] {});
        });
    CHECK(eventually([&] { return other_ran.load(); }));
    p.join();
}

TEST_CASE_METHOD(leak_fixture,
                 "RTM-05: blocking: a call that lasts comes back on a worker with a permit",
                 "[sched][stuck]") {
    party p(watched(1));
    std::atomic<bool> other_ran{false}, permitted{false};
    p.spawn([&] {
        p.spawn([&] { other_ran = true; });
        blocking([&] {
            while (!other_ran) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        });
        permitted = worker::current()->permission.get() != nullptr;
    });
    p.join();
    CHECK(permitted);
}
