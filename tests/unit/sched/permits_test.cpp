// SPDX-License-Identifier: Apache-2.0
// Workers that are stuck in one task: what the lookout does for them, and how a spare takes their place.
#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/leak_fixture.hpp"
#include "support/party.hpp"

using namespace weft;
using namespace weft::detail;
using namespace weft::testing;

namespace {

/// A socket pair; the first end is watched by the reactor of the worker that opens it.
class watched_pair {
public:
    explicit watched_pair(scheduler& s) : home_(s) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_) != 0)
            std::abort();
    }
    ~watched_pair() {
        if (slot_ != nullptr) home_.slots()->release(slot_);
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    void watch() {
        slot_ = home_.slots()->take(ends_[0]);
        slot_->home = &home_.local_reactor();
        if (slot_->home.load()->kernel().attach(*slot_)) std::abort();
    }
    /// On a fiber: waits for a byte.
    char receive() {
        char byte = 0;
        for (;;) {
            detail::wait w(false);
            operation op;
            op.kind = operation_kind::receive;
            op.slot = slot_;
            op.buffer = &byte;
            op.size = 1;
            auto begin = [](operation& o, void* context) {
                auto& mine = *static_cast<detail::wait*>(context);
                const bool begun = mine.begin();
                o.who = mine.self();
                return begun;
            };
            if (slot_->home.load()->kernel().submit(op, begin, &w)) {
                if (op.who.who != nullptr && !w.withdraw()) w.park();
            } else {
                w.park();
            }
            if (op.result != -EAGAIN) return op.result == 1 ? byte : '?';
        }
    }
    void send(char byte) {
        if (::send(ends_[1], &byte, 1, MSG_NOSIGNAL) != 1) std::abort();
    }

private:
    scheduler& home_;
    int ends_[2] = {-1, -1};
    io_slot* slot_ = nullptr;
};

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

deadline_ns soon() { return time_source::monotonic_now() + 1'000'000; }

} // namespace

TEST_CASE_METHOD(leak_fixture,
                 "lookout: an idle worker serves queue, slot, timer and socket of a stuck one",
                 "[sched]") {
    scheduler_options o = party_of(GENERATE(2U, 3U));
    party p(o);
    hog h;
    watched_pair sockets(p.sched);
    std::atomic<bool> queued{false}, in_slot{false}, expired{false}, spawned{false};
    std::atomic<char> received{0};
    p.spawn([&] {
        sockets.watch();
        p.spawn([&] { received = sockets.receive(); });
        p.spawn([&] {
            bell never;
            never.wait(soon());
            expired = true;
        });
        // Both wait now, in this worker's reactor, unless they have been stolen; then that one is idle.
        yield_now();
        p.spawn([&] { queued = true; });
        p.spawn([&] { in_slot = true; });
        spawned = true;
        h.occupy();
    });
    REQUIRE(eventually([&] { return spawned && h.runs(); }));
    sockets.send('x');
    CHECK(eventually([&] { return queued && in_slot && expired && received == 'x'; }));
    h.release();
}

TEST_CASE_METHOD(leak_fixture,
                 "lookout: looks after everybody again and again, whoever has the role",
                 "[sched]") {
    // Each worker is the stuck one in turn; all others sleep, run a moment and sleep, so that the role changes hands.
    party p(party_of(3));
    for (int round = 0; round < 20; ++round) {
        hog h;
        std::atomic<int> served{0};
        p.spawn([&] {
            p.spawn([&] { ++served; });
            p.spawn([&] { ++served; });
            h.occupy();
        });
        for (int i = 0; i < round; ++i)
            p.spawn([&] {
                bell never;
                never.wait(time_source::monotonic_now() + 50'000);
            });
        REQUIRE(eventually([&] { return served == 2; }));
        h.release();
        p.join();
    }
}

TEST_CASE_METHOD(leak_fixture, "lookout: one that dozes is woken by whoever becomes busy",
                 "[sched]") {
    party p(party_of(2));
    for (int round = 0; round < 3; ++round) {
        // Ten ticks without anybody busy: from then on nobody's count of sleeps grows.
        auto sleeps = [&] {
            std::uint64_t n = 0;
            for (unsigned i = 0; i < p.sched.workers(); ++i)
                n += p.sched.worker_at(i).counters().sleeps.load(std::memory_order_relaxed);
            return n;
        };
        std::uint64_t last = 0;
        REQUIRE(eventually([&] {
            const std::uint64_t before = sleeps();
            std::this_thread::sleep_for(std::chrono::milliseconds(30));
            last = sleeps();
            return before == last && p.sched.sleeping_workers() == 2;
        }));
        hog h;
        std::atomic<bool> served{false};
        p.spawn([&] {
            p.spawn([&] { served = true; }); // to its slot, which wakes nobody
            h.occupy();
        });
        CHECK(eventually([&] { return served.load(); }));
        CHECK(h.runs());
        h.release();
        p.join();
    }
}

TEST_CASE_METHOD(leak_fixture,
                 "permits: a spare with a stuck worker's permit serves all that waits there, and "
                 "the stuck one parks",
                 "[sched]") {
    scheduler_options o = party_of(1);
    o.spares = 1;
    o.force_migration = GENERATE(false, true);
    party p(o);
    worker &stuck = p.sched.worker_at(0), &spare = p.sched.worker_at(1);
    hog h;
    watched_pair sockets(p.sched);
    std::atomic<bool> expired{false}, spawned{false};
    std::atomic<int> ran_on_spare{0};
    std::atomic<char> received{0};
    std::atomic<unsigned> back_on{99}, then_on{99};
    p.spawn([&] {
        sockets.watch();
        p.spawn([&] { received = sockets.receive(); });
        p.spawn([&] {
            bell never;
            never.wait(soon());
            expired = true;
        });
        yield_now();
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
    REQUIRE(p.sched.move_permit(stuck, spare));
    CHECK_FALSE(p.sched.move_permit(stuck, spare)); // there is none to move
    sockets.send('x');
    CHECK(eventually([&] { return ran_on_spare == 100 && expired && received == 'x'; }));
    h.release();
    CHECK(eventually([&] { return ran_on_spare == 101 && then_on == 1U; }));
    CHECK(back_on == 0U); // nothing is taken from it by force
    CHECK(eventually([&] { return !stuck.is_running(); }));
    CHECK(stuck.permission.get() == nullptr);
}

TEST_CASE_METHOD(leak_fixture,
                 "permits: move to and fro between sleeping and running workers and lose nothing",
                 "[sched]") {
    scheduler_options o = party_of(2);
    o.spares = 2;
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
        REQUIRE(p.sched.move_permit(*from, *to));
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
    o.spares = 1;
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
    REQUIRE(p.sched.move_permit(p.sched.worker_at(0), p.sched.worker_at(1)));
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
        o.spares = 2;
        party p(o);
        p.spawn([] {});
        REQUIRE(p.sched.move_permit(p.sched.worker_at(0), p.sched.worker_at(2)));
        if (i % 2 == 0) REQUIRE(p.sched.move_permit(p.sched.worker_at(1), p.sched.worker_at(0)));
        if (i % 3 == 0) REQUIRE(p.sched.move_permit(p.sched.worker_at(2), p.sched.worker_at(3)));
    }
}
