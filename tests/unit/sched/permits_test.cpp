// SPDX-License-Identifier: Apache-2.0
// Workers that are stuck in one task, and how a spare takes their place.
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include "support/leak_fixture.hpp"
#include "support/party.hpp"
#include "support/reactor_guests.hpp"
#include "support/watched_pair.hpp"

using namespace weft;
using namespace weft::detail;
using namespace weft::testing;

namespace {

/// A fiber that computes until it is released, on whichever worker took it.
class hog {
public:
    void occupy() {
        where_ = static_cast<int>(worker::current()->index());
        while (!released_) cpu_pause();
    }
    [[nodiscard]] bool runs() const { return where_ >= 0; }
    [[nodiscard]] unsigned where() const { return static_cast<unsigned>(where_.load()); }
    void release() { released_ = true; }

private:
    std::atomic<int> where_{-1};
    std::atomic<bool> released_{false};
};

/// Once the other one is idle.
bool moved(party& p, worker& from, worker& to) {
    return eventually([&] { return p.sched.move_permit(from, to); });
}

} // namespace

TEST_CASE_METHOD(leak_fixture,
                 "permits: a spare with a stuck worker's permit serves all that waits there, and "
                 "the stuck one parks",
                 "[sched]") {
    scheduler_options o = party_of(1);
    o.spares = o.started = 1;
    o.force_migration = GENERATE(false, true);
    party p(o);
    worker &stuck = p.sched.worker_at(0), &spare = p.sched.worker_at(1);
    hog h;
    reactor_guests guests(p);
    std::atomic<bool> spawned{false};
    std::atomic<int> ran_on_spare{0};
    std::atomic<unsigned> back_on{99}, then_on{99};
    p.spawn([&] {
        guests.settle();
        for (int i = 0; i < 100; ++i)
            p.spawn([&] {
                if (worker::current()->index() == 1) ++ran_on_spare;
            });
        spawned = true;
        h.occupy();
        back_on = worker::current()->index();
        // Made ready without a permit: for the others.
        p.spawn([&] {
            if (worker::current()->index() == 1) ++ran_on_spare;
        });
        yield_now();
        then_on = worker::current()->index();
    });
    REQUIRE(eventually([&] { return spawned && h.runs(); }));
    REQUIRE(moved(p, stuck, spare));
    CHECK_FALSE(p.sched.move_permit(stuck, spare)); // there is none to move
    guests.send();
    CHECK(eventually([&] { return ran_on_spare == 100 && guests.are_served(); }));
    h.release();
    CHECK(eventually([&] { return ran_on_spare == 101 && then_on == 1U; }));
    CHECK(back_on == 0U); // nothing is taken from it by force
    CHECK(eventually([&] { return !stuck.is_running(); }));
    CHECK(stuck.permission.get() == nullptr);
}

TEST_CASE_METHOD(
    leak_fixture,
    "permits: what is due when a spare takes over runs before what stood behind the stuck "
    "worker, which keeps its order",
    "[sched]") {
    scheduler_options o = party_of(1);
    o.spares = o.started = 1;
    party p(o);
    hog h;
    watched_pair sockets(p.sched);
    std::atomic<bool> done{false};
    std::vector<int> order; // of the spare alone
    constexpr int k_behind = 20, k_reader = -1;
    p.spawn([&] {
        sockets.watch();
        p.spawn([&] {
            sockets.receive();
            order.push_back(k_reader);
        });
        yield_now();
        for (int i = 0; i < k_behind; ++i)
            p.spawn([&, i] {
                order.push_back(i);
                if (i == k_behind - 1) done = true;
            });
        h.occupy();
    });
    REQUIRE(eventually([&] { return h.runs(); }));
    sockets.send('x');
    REQUIRE(moved(p, p.sched.worker_at(0), p.sched.worker_at(1)));
    REQUIRE(eventually([&] { return done.load(); }));
    h.release();
    p.join();
    std::vector<int> expected{k_reader};
    for (int i = 0; i < k_behind; ++i) expected.push_back(i);
    CHECK(order == expected);
}

TEST_CASE_METHOD(leak_fixture,
                 "permits: move to and fro between sleeping and running workers and lose nothing",
                 "[sched]") {
    scheduler_options o = party_of(2);
    o.spares = o.started = 2;
    o.force_migration = GENERATE(false, true);
    if (GENERATE(false, true)) o.make_backend = make_null;
    party p(o);
    constexpr int k_rounds = k_tsan ? 30 : 200;
    std::atomic<bool> over{false};
    // Two fibers that wake each other, timers, yields, and wakes from outside, all the time.
    bell ping, pong, outside;
    std::atomic<int> rounds{0};
    p.spawn([&] {
        while (!over) {
            ping.ring();
            pong.wait();
            ++rounds;
        }
        ping.ring();
    });
    p.spawn([&] {
        while (!over) {
            ping.wait();
            pong.ring();
        }
        pong.ring();
    });
    p.spawn([&] {
        bell never;
        while (!over) never.wait(time_source::monotonic_now() + 20'000);
    });
    p.spawn([&] {
        while (!over) outside.wait();
    });
    for (int i = 0; i < k_rounds; ++i) {
        // The one that holds a permit gives it to one that does not; some sleep, some run.
        worker *from = nullptr, *to = nullptr;
        for (unsigned w = 0; w < p.sched.workers(); ++w) {
            worker& at = p.sched.worker_at((w + static_cast<unsigned>(i)) % p.sched.workers());
            (at.permission.get() != nullptr ? from : to) = &at;
        }
        REQUIRE((from != nullptr && to != nullptr));
        REQUIRE(moved(p, *from, *to));
        const int before = rounds;
        outside.ring();
        REQUIRE(eventually([&] { return rounds > before; }));
    }
    over = true;
    outside.ring();
}

TEST_CASE_METHOD(leak_fixture,
                 "permits: a worker that sleeps wakes when its permit goes, and the reactor is "
                 "served by the next",
                 "[sched]") {
    scheduler_options o = party_of(1);
    o.spares = o.started = 1;
    party p(o);
    watched_pair sockets(p.sched);
    std::atomic<char> received{0};
    std::atomic<unsigned> on{99};
    p.spawn([&] {
        sockets.watch();
        received = sockets.receive();
        on = worker::current()->index();
    });
    REQUIRE(eventually([&] { return p.sched.sleeping_workers() == 1; }));
    REQUIRE(moved(p, p.sched.worker_at(0), p.sched.worker_at(1)));
    sockets.send('y');
    CHECK(eventually([&] { return received == 'y'; }));
    p.join();
    CHECK(on == 1U);
    // It sleeps in its turn: one of two counts, the other waits for a permit.
    CHECK(eventually([&] { return p.sched.sleeping_workers() == 1; }));
}

TEST_CASE_METHOD(leak_fixture, "permits: a scheduler ends wherever its permits are", "[sched]") {
    for (int i = 0; i < 20; ++i) {
        scheduler_options o = party_of(2);
        o.spares = o.started = 2;
        party p(o);
        p.spawn([] {});
        REQUIRE(moved(p, p.sched.worker_at(0), p.sched.worker_at(2)));
        if (i % 2 == 0) REQUIRE(moved(p, p.sched.worker_at(1), p.sched.worker_at(0)));
        if (i % 3 == 0) REQUIRE(moved(p, p.sched.worker_at(2), p.sched.worker_at(3)));
    }
}
