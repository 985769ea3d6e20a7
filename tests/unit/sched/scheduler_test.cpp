// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <exception>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "support/leak_fixture.hpp"
#include "support/party.hpp"

using namespace weft;
using namespace weft::detail;
using namespace weft::testing;

namespace {

constexpr int many(int n) { return k_tsan ? n / 10 : n; }

scheduler_options any_party() {
    scheduler_options o = party_of(GENERATE(1U, 2U, 4U));
    o.force_migration = GENERATE(false, true);
    if (GENERATE(false, true)) o.make_backend = make_null;
    CAPTURE(o.workers, o.force_migration, o.make_backend.target_type().name());
    return o;
}

deadline_ns now() { return time_source::monotonic_now(); }

// Each in a function of its own: the compiler takes errno's address for a constant, also across a switch.
[[gnu::noinline]] int get_errno() { return errno; }
[[gnu::noinline]] void set_errno(int value) { errno = value; }

} // namespace

TEST_CASE_METHOD(leak_fixture, "scheduler: every fiber runs once", "[sched]") {
    party p(any_party());
    std::vector<std::atomic<int>> runs(many(5000));
    for (auto& r : runs) p.spawn([&r] { ++r; });
    p.join();
    for (auto& r : runs) REQUIRE(r == 1);
}

TEST_CASE_METHOD(leak_fixture, "scheduler: fibers that fibers spawn run too", "[sched]") {
    party p(any_party());
    std::atomic<int> runs{0};
    struct node {
        static void grow(party& p, std::atomic<int>& runs, int depth) {
            ++runs;
            if (depth == 0) return;
            p.spawn([&p, &runs, depth] { grow(p, runs, depth - 1); });
            p.spawn([&p, &runs, depth] { grow(p, runs, depth - 1); });
        }
    };
    const int depth = k_tsan ? 7 : 10;
    p.spawn([&] { node::grow(p, runs, depth); });
    p.join();
    CHECK(runs == (1 << (depth + 1)) - 1);
}

TEST_CASE_METHOD(leak_fixture,
                 "RTM-01: scheduler: pairs that wake each other across workers lose no signal",
                 "[sched]") {
    party p(any_party());
    struct pair {
        bell ping, pong;
        int pings = 0, pongs = 0;
    };
    constexpr int k_rounds = 20;
    std::vector<pair> pairs(many(1000));
    for (pair& q : pairs) {
        p.spawn([&q] {
            for (int i = 0; i < k_rounds; ++i) {
                q.ping.ring();
                q.pong.wait();
                ++q.pings;
            }
        });
        p.spawn([&q] {
            for (int i = 0; i < k_rounds; ++i) {
                q.ping.wait();
                ++q.pongs;
                q.pong.ring();
            }
        });
    }
    p.join();
    for (const pair& q : pairs) REQUIRE((q.pings == k_rounds && q.pongs == k_rounds));
}

TEST_CASE_METHOD(leak_fixture, "scheduler: a ring of fibers passes a token round all of them",
                 "[sched]") {
    party p(any_party());
    constexpr int k_rounds = 10;
    std::vector<bell> seats(many(1000));
    std::atomic<long> hops{0};
    for (std::size_t i = 0; i < seats.size(); ++i)
        p.spawn([&, i] {
            for (int round = 0; round < k_rounds; ++round) {
                seats[i].wait();
                ++hops;
                seats[(i + 1) % seats.size()].ring();
            }
        });
    seats[0].ring();
    p.join();
    CHECK(hops == k_rounds * static_cast<long>(seats.size()));
}

TEST_CASE_METHOD(leak_fixture, "scheduler: yielding fibers all get their turns", "[sched]") {
    party p(any_party());
    constexpr int k_turns = 100;
    std::vector<int> turns(many(200));
    for (int& t : turns)
        p.spawn([&t] {
            for (; t < k_turns; ++t) yield_now();
        });
    p.join();
    for (int t : turns) REQUIRE(t == k_turns);
}

TEST_CASE_METHOD(leak_fixture,
                 "scheduler: with one worker, a yield lets all that is ready run first, in order",
                 "[sched]") {
    scheduler_options o = party_of(1);
    party p(o);
    std::vector<int> order;

    p.spawn([&] {
        for (int i = 1; i <= 3; ++i) p.spawn([&order, i] { order.push_back(i); });
        yield_now();
        order.push_back(4);
    });
    p.join();
    CHECK(order == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE_METHOD(leak_fixture,
                 "scheduler: a yielding fiber overtakes nobody that it has just made ready",
                 "[sched]") {
    // Such a one lies in the worker's slot, from which at most three run in a row. With one worker alone there are no slots;
    // the other one of these two has no time.
    party p(party_of(2));
    std::atomic<bool> other_is_busy{false}, done{false};
    p.spawn([&] {
        other_is_busy = true;
        while (!done) cpu_pause();
    });
    REQUIRE(eventually([&] { return other_is_busy.load(); }));
    std::vector<int> order;
    p.spawn([&] { // each of these is run from the slot
        p.spawn([&] {
            p.spawn([&] {
                p.spawn([&] {
                    p.spawn([&] { order.push_back(1); });
                    yield_now();
                    order.push_back(2);
                    done = true;
                });
            });
        });
    });
    p.join();
    CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE_METHOD(leak_fixture, "scheduler: plain threads wake fibers", "[sched]") {
    party p(any_party());
    const int count = many(1000);
    std::vector<bell> bells(static_cast<std::size_t>(count));
    std::atomic<int> woken{0};
    for (bell& b : bells)
        p.spawn([&] {
            b.wait();
            b.wait();
            ++woken;
        });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = t; i < count; i += 4) {
                bells[static_cast<std::size_t>(i)].ring();
                // The second signal must not fall on the first one.
                while (!bells[static_cast<std::size_t>(i)].has_waiter()) std::this_thread::yield();
                bells[static_cast<std::size_t>(i)].ring();
            }
        });
    for (auto& t : threads) t.join();
    p.join();
    CHECK(woken == count);
}

TEST_CASE_METHOD(leak_fixture, "scheduler: fibers wake plain threads, and threads expire",
                 "[sched]") {
    party p(any_party());
    bell b, never;
    for (int i = 0; i < 50; ++i) {
        p.spawn([&] { b.ring(); });
        REQUIRE(b.wait() == wait_end::notified);
    }
    const deadline_ns deadline = now() + 2'000'000;
    CHECK(never.wait(deadline) == wait_end::expired);
    CHECK(now() >= deadline);
}

TEST_CASE_METHOD(leak_fixture, "scheduler: deadlines expire, none early", "[sched]") {
    party p(any_party());
    std::atomic<int> early{0}, other{0};
    const int count = many(500);
    for (int i = 0; i < count; ++i)
        p.spawn([&, i] {
            bell never;
            const deadline_ns deadline = now() + (i % 50) * 200'000;
            if (never.wait(deadline) != wait_end::expired) ++other;
            if (now() < deadline) ++early;
        });
    p.join();
    CHECK(early == 0);
    CHECK(other == 0);
}

TEST_CASE_METHOD(leak_fixture,
                 "scheduler: a signal and a deadline compete, one of them ends the wait",
                 "[sched]") {
    party p(any_party());
    const int count = many(500);
    std::vector<bell> bells(static_cast<std::size_t>(count));
    std::atomic<int> notified{0}, expired{0};
    for (int i = 0; i < count; ++i) {
        bell& b = bells[static_cast<std::size_t>(i)];
        p.spawn([&, i] {
            (b.wait(now() + (i % 10) * 30'000) == wait_end::notified ? notified : expired)++;
        });
    }
    for (bell& b : bells) b.ring();
    p.join();
    CHECK(notified + expired == count);
}

TEST_CASE_METHOD(
    leak_fixture,
    "scheduler: virtual time jumps to each deadline; equal ones come in the order they were set",
    "[sched]") {
    scheduler_options o = party_of(1);
    o.virtual_time = true;
    o.make_backend = make_null;
    party p(o);
    std::vector<std::pair<deadline_ns, int>> woken;
    const deadline_ns start = p.sched.time().now();
    p.spawn([&] { // one fiber spawns all, so that they begin in this order
        const int delays[] = {7, 3, 3, 9, 3, 1};
        for (int i = 0; i < 6; ++i)
            p.spawn([&, i, d = delays[i]] {
                bell never;
                never.wait(start + d * 3'600'000'000'000);
                woken.emplace_back((p.sched.time().now() - start) / 3'600'000'000'000, i);
            });
    });
    p.join();
    CHECK(woken ==
          std::vector<std::pair<deadline_ns, int>>{{1, 5}, {3, 1}, {3, 2}, {3, 4}, {7, 0}, {9, 3}});
}

TEST_CASE_METHOD(leak_fixture,
                 "scheduler: with forced migration every wait resumes on another worker",
                 "[sched]") {
    scheduler_options o = party_of(2);
    o.force_migration = true;
    party p(o);
    std::atomic<int> moved{0};
    p.spawn([&] {
        bell never;
        for (int i = 0; i < 200; ++i) {
            const unsigned before = worker::current()->index();
            never.wait(now());
            if (worker::current()->index() != before) ++moved;
        }
    });
    p.join();
    CHECK(moved > 100); // from the queue of the one it was sent to, the last one may steal it back
}

TEST_CASE_METHOD(
    leak_fixture,
    "scheduler: who waits for a part of its work goes on where it was, if it is awaited there",
    "[sched]") {
    party p(party_of(2));
    bool stayed = false; // once: at times the machine is busy otherwise
    for (int round = 0; round < 1000 && !stayed; ++round) {
        std::atomic<int> begun{0}, ended{0};
        std::atomic<bool> waits{false};
        bell part_is_done;
        const auto begin_on_two_workers = [&] {
            ++begun;
            while (begun != 2) {}
        };
        p.spawn([&] {
            begin_on_two_workers();
            const unsigned before = worker::current()->index();
            worker::current()->expect_forks();
            waits = true;
            part_is_done.wait();
            stayed = worker::current()->index() == before;
            ++ended;
        });
        p.spawn([&] {
            begin_on_two_workers();
            while (!waits) {}
            const deadline_ns until = now() + 5'000; // the other has gone, its worker searches
            while (now() < until) {}
            worker::current()->expect_forks();
            part_is_done.ring(); // and this worker has nothing else to do
            ++ended;
        });
        while (ended != 2) std::this_thread::yield();
    }
    p.join();
    CHECK(stayed);
}

TEST_CASE_METHOD(
    leak_fixture,
    "scheduler: exceptions and errno stay with the fiber, whichever worker it moves to",
    "[sched]") {
    party p(any_party());
    std::atomic<int> wrong{0};
    const int count = many(300);
    for (int i = 0; i < count; ++i)
        p.spawn([&wrong, i] {
            struct waits_while_unwinding {
                std::atomic<int>& wrong;
                ~waits_while_unwinding() {
                    if (std::uncaught_exceptions() != 1) ++wrong;
                    yield_now();
                    if (std::uncaught_exceptions() != 1) ++wrong;
                }
            };
            set_errno(i);
            try {
                const waits_while_unwinding w{wrong};
                throw i;
            } catch (int) {
                for (int j = 0; j < 5; ++j) {
                    bell never;
                    never.wait(now() + 10'000);
                    try {
                        throw -1;
                    } catch (int) { yield_now(); }
                }
                try {
                    throw;
                } catch (int e) {
                    if (e != i) ++wrong;
                }
            }
            if (std::uncaught_exceptions() != 0 || std::current_exception() != nullptr) ++wrong;
            if (get_errno() != i) ++wrong;
        });
    p.join();
    CHECK(wrong == 0);
}

TEST_CASE_METHOD(leak_fixture, "scheduler: a cancel ends a wait once, from whichever thread",
                 "[sched]") {
    party p(any_party());
    std::atomic<int> delivered{0};
    const int count = many(200);
    std::vector<bell> bells(static_cast<std::size_t>(count));
    std::vector<fiber*> fibers;
    std::atomic<bool> go_on{false};
    for (bell& b : bells)
        fibers.push_back(&p.spawn([&] {
            if (b.wait(k_never, true) == wait_end::cancelled && current_fiber()->word.take_cancel())
                ++delivered;
            while (!go_on) yield_now(); // so that the canceller may still look at the fiber
        }));
    for (fiber* f : fibers)
        if (f->word.request_cancel()) f->resume();
    go_on = true;
    p.join();
    CHECK(delivered == count);
}

TEST_CASE_METHOD(leak_fixture, "scheduler: stacks of other sizes come and go", "[sched]") {
    party p(any_party());
    std::atomic<long> sum{0};
    struct deep {
        static long down(int n) {
            volatile char frame[4096];
            frame[0] = static_cast<char>(n);
            const long below = n == 0 ? 0 : down(n - 1);
            return below + frame[0];
        }
    };
    for (int i = 0; i < 20; ++i) {
        p.spawn([&] { sum += deep::down(100); }, 1024 * 1024);
        p.spawn([&] { sum += 1; }, 16 * 1024 + (k_asan ? 64 * 1024 : 0));
    }
    p.join();
    CHECK(sum == 20 * (5050 + 1));
}

TEST_CASE_METHOD(leak_fixture,
                 "scheduler: a fiber that never begins gives its promise of a stack back",
                 "[sched]") {
    party p(party_of(1));
    struct never_begins final : fiber {
        explicit never_begins(scheduler& s) : fiber(s, false) {}
        void run() noexcept override {}
        void print_owner(int) const noexcept override {}
        void throw_cancelled() override { throw cancelled_error(); }
    };
    for (int i = 0; i < 1000; ++i) {
        never_begins a(p.sched), b(p.sched);
        p.sched.provide_stack(a, 0);
        p.sched.provide_stack(b, 512 * 1024);
        p.sched.withdraw_stack(a);
        p.sched.withdraw_stack(b);
    }
}

TEST_CASE_METHOD(
    leak_fixture,
    "scheduler: stacks that workers keep for later do not count against the promises of new ones",
    "[sched]") {
    // A crowd lives on one worker, which then keeps its stacks and its promises. With these promises it makes a crowd that
    // lives on the second worker; that one does the same for the third. All others are kept busy meanwhile.
    scheduler_options o = party_of(3);
    o.watch =
        monitor::settings{}; // without spares: it gives what waits for a busy worker to the others
    party p(o);
    std::vector<bell> bells(64);
    std::atomic<int> here{0}, step{0}, arrived{0};
    auto make_crowd = [&] {
        for (bell& b : bells)
            p.spawn([&] {
                ++here;
                b.wait();
            });
    };
    auto crowd_comes_and_goes = [&](int others) {
        REQUIRE(eventually([&] { return here == static_cast<int>(bells.size()); }));
        here = 0;
        for (bell& b : bells) b.ring();
        REQUIRE(eventually([&] { return p.alive() == others; }));
    };
    auto stay_until = [&](int s) {
        while (step < s) cpu_pause();
    };
    for (int i = 0; i < 3; ++i)
        p.spawn([&] {
            const int place = arrived++;
            while (arrived < 3) cpu_pause(); // one on each worker
            if (place == 0)
                make_crowd();
            else
                stay_until(place);
        });
    crowd_comes_and_goes(2);
    for (int next : {1, 2}) {
        p.spawn([&, next] { // on the only worker that is free
            make_crowd();
            step = next; // and this one is free now
            stay_until(3);
        });
        crowd_comes_and_goes(2);
    }
    step = 3;
}

TEST_CASE_METHOD(leak_fixture,
                 "scheduler: may go as soon as its last fiber has ended, whoever woke that",
                 "[sched]") {
    for (int i = 0; i < (k_tsan || k_asan ? 100 : 500); ++i) {
        bell b;
        std::atomic<bool> waits{false};
        std::thread thread;
        {
            party p(party_of(1));
            p.spawn([&] {
                waits = true;
                b.wait();
            });
            thread = std::thread([&] {
                while (!b.has_waiter()) std::this_thread::yield();
                b.ring(); // the party may be over before this returns
            });
        }
        thread.join();
        CHECK(waits);
    }
}

TEST_CASE_METHOD(leak_fixture, "scheduler: starts and stops with nothing to do, again and again",
                 "[sched]") {
    for (int i = 0; i < 50; ++i) {
        scheduler_options o = party_of(1 + static_cast<unsigned>(i) % 4);
        o.spares = 2;
        o.started = static_cast<unsigned>(i) % 3;
        const party p(o);
    }
}

TEST_CASE_METHOD(leak_fixture, "scheduler: stops while timers are armed", "[sched]") {
    struct armed : timer {
        static void never(timer&) noexcept {}
    };
    std::vector<armed> timers(100);
    party p(party_of(2));
    p.spawn([&] {
        for (std::size_t i = 0; i < timers.size(); ++i) {
            timers[i].fire = armed::never;
            timers[i].when = now() + 3'600'000'000'000;
            p.sched.local_reactor().add(timers[i]);
        }
    });
    p.join();
}

TEST_CASE_METHOD(leak_fixture, "scheduler: several live side by side and wake each other's fibers",
                 "[sched]") {
    party a(party_of(2)), b(party_of(1));
    bell in_a, in_b;
    int rounds = 0;
    a.spawn([&] {
        for (int i = 0; i < 200; ++i) {
            in_b.ring();
            in_a.wait();
        }
    });
    b.spawn([&] {
        for (int i = 0; i < 200; ++i) {
            in_b.wait();
            ++rounds;
            in_a.ring();
        }
    });
    a.join();
    b.join();
    CHECK(rounds == 200);
}

TEST_CASE_METHOD(leak_fixture, "scheduler: an idle one sleeps", "[sched]") {
    party p(party_of(4));
    p.spawn([] {});
    p.join();
    REQUIRE(eventually([&] { return p.sched.sleeping_workers() == 4; }));
}
