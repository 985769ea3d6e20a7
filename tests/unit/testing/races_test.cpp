// SPDX-License-Identifier: Apache-2.0
// Completion against expiry against cancel: whatever order the seed draws, nothing is lost and nothing comes twice.
#include <optional>
#include <random>
#include <string>

#include <weft/testing.hpp>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

constexpr std::uint64_t k_seeds = weft::detail::k_tsan ? 300 : 1000; // of each race

/// Draws what a race is made of; few moments, so that many things fall on the same one.
class dice {
public:
    explicit dice(std::uint64_t seed) : numbers_(seed) {}
    bool coin() { return below(2) == 1; }
    unsigned below(unsigned n) { return static_cast<unsigned>(numbers_() % n); }
    std::chrono::nanoseconds moment() { return std::chrono::milliseconds(below(3)); }
    /// Comes to that moment, and then goes round the others some times.
    void delay() {
        const auto d = moment();
        if (d.count() > 0) weft::sleep_for(d);
        for (unsigned i = below(4); i > 0; --i) weft::yield();
    }

private:
    std::mt19937_64 numbers_;
};

/// Runs a race once for each seed; it returns what was wrong, or nothing.
template <class Race>
void for_all_seeds(Race race) {
    leak_fixture nothing_leaks;
    for (std::uint64_t seed = 1; seed <= k_seeds; ++seed) {
        dice d(seed);
        const std::string wrong = weft::testing::run(seed, [&] { return race(d); });
        CAPTURE(seed);
        REQUIRE(wrong == "");
    }
    CHECK(counted::alive == 0);
}

/// How a wait ended, and whether a cancel came to its task then or at the next wait.
struct ending {
    bool begun = false; // who is cancelled before its first step never sees it
    int values = 0, timeouts = 0, cancels = 0;
    template <class Wait>
    void of(Wait wait) {
        begun = true;
        try {
            wait();
            ++values;
        } catch (const weft::timeout_error&) { ++timeouts; } catch (const weft::cancelled_error&) {
            ++cancels;
        }
        if (cancels == 0) next_wait();
        next_wait(); // a request is delivered once
    }
    void next_wait() {
        try {
            weft::sleep_for(1s);
        } catch (const weft::cancelled_error&) { ++cancels; }
    }
    [[nodiscard]] bool saw(bool accepted) const { return cancels == (accepted && begun ? 1 : 0); }
};

} // namespace

TEST_CASE(
    "CAN-08 CAN-11 CAN-20 TMO-07: a promise that is set, a limit that passes and a cancel, at the "
    "same moment: one of them ends the wait, a cancel is delivered once, a value is kept",
    "[testing][races]") {
    for_all_seeds([](dice& d) -> std::string {
        weft::promise<int> p;
        auto f = p.get_future();
        ending end;
        bool was_set = false, accepted = false;
        weft::task_group g;
        auto waiter =
            g.create_task([&, limit = d.moment() + 1ns, in_place = d.coin(), life = counted()] {
                end.of([&] {
                    if (in_place)
                        weft::wait_for(limit, [&] { weft::await(f); });
                    else
                        weft::wait_for(limit, f);
                });
            });
        g.create_task([&] {
            d.delay();
            was_set = p.set_value(1);
        });
        g.create_task([&] {
            d.delay();
            accepted = waiter.cancel();
        });
        g.join();
        if (!end.saw(accepted)) return "cancels: " + std::to_string(end.cancels);
        if (end.values + end.timeouts > 1) return "ended twice";
        if (!accepted && end.values + end.timeouts != 1) return "did not end";
        if (end.values == 1 && !was_set) return "a value out of nothing";
        if (was_set && f.result() != 1) return "the value is lost";
        if (end.begun && !was_set && !f.cancelled()) return "neither set nor cancelled";
        return "";
    });
}

TEST_CASE(
    "QUE-05 TMO-09: items, limits and cancels at the same moment: every item is taken once or "
    "still there",
    "[testing][races]") {
    for_all_seeds([](dice& d) -> std::string {
        weft::queue<int> q(d.below(3));
        int put = 0, got = 0, cancels = 0, accepted = 0;
        weft::task_group g;
        std::vector<weft::task<void>> workers;
        for (int i = 0; i < 3; ++i) {
            workers.push_back(g.create_task([&, limit = d.moment() + 1ns] {
                ending end;
                end.of([&] {
                    weft::wait_for(limit, [&] {
                        q.get();
                        ++got;
                    });
                });
                cancels += end.cancels;
            }));
            workers.push_back(g.create_task([&, limit = d.moment() + 1ns] {
                d.delay();
                ending end;
                end.of([&] {
                    weft::wait_for(limit, [&] {
                        q.put(1);
                        ++put;
                    });
                });
                cancels += end.cancels;
            }));
        }
        g.create_task([&] {
            for (int i = 0; i < 3; ++i) {
                d.delay();
                auto& w = workers[d.below(6)];
                if (!w.done() && w.cancelling() == 0) accepted += w.cancel();
            }
        });
        g.join();
        if (cancels > accepted) return "a cancel out of nothing";
        if (static_cast<std::size_t>(put - got) != q.size())
            return "put " + std::to_string(put) + ", got " + std::to_string(got);
        return "";
    });
}

TEST_CASE(
    "CAN-09 CAN-24: a cancel of who awaits a task, while that ends: it goes to the task if nobody "
    "else waits, and its requester's task never loses it",
    "[testing][races]") {
    for_all_seeds([](dice& d) -> std::string {
        const bool shared = d.coin(), swallows = d.coin();
        bool accepted = false, inner_saw = false, left_early = false;
        ending end, other_end;
        weft::task_group g;
        weft::task<int> inner = weft::create_task([&, life = counted()] {
            try {
                d.delay();
                weft::sleep_for(1ms);
            } catch (const weft::cancelled_error&) {
                inner_saw = true;
                if (!swallows) throw;
            }
            return 1;
        });
        auto outer = g.create_task([&] {
            end.of([&] {
                try {
                    weft::await(inner);
                } catch (...) {
                    left_early = !inner.done();
                    throw;
                }
            });
        });
        if (shared) g.create_task([&] { other_end.of([&] { weft::await(inner); }); });
        g.create_task([&] {
            d.delay();
            accepted = outer.cancel();
        });
        g.join();
        weft::wait(std::vector{inner});
        if (!end.saw(accepted)) return "cancels: " + std::to_string(end.cancels);
        if (left_early && !shared) return "the outer one went on before the inner one had ended";
        if (other_end.cancels != 0 && !inner.cancelled()) return "the other waiter was cancelled";
        if ((inner_saw || inner.cancelled()) && !accepted) return "cancelled by nobody";
        if (inner_saw && swallows && inner.result() != 1) return "the value is lost";
        return "";
    });
}

TEST_CASE(
    "TMO-12 TMO-16 TMO-17: nested limits and a cancel from elsewhere, at the same moment: the "
    "count of requests returns to what it was",
    "[testing][races]") {
    for_all_seeds([](dice& d) -> std::string {
        std::string wrong;
        bool accepted = false;
        int cancels = 0;
        bool begun = false;
        weft::task_group g;
        auto t = g.create_task([&, outer = d.moment(), inner = d.moment()] {
            begun = true;
            const auto level = [&](auto limit, auto body) {
                const unsigned before = weft::current_task().cancelling();
                bool expired = false, timed_out = false;
                try {
                    weft::timeout(limit, [&](weft::timeout_scope& s) {
                        try {
                            body();
                        } catch (...) {
                            expired = s.expired();
                            throw;
                        }
                    });
                } catch (const weft::timeout_error&) { timed_out = true; }
                if (timed_out && !expired) wrong = "a limit that had not passed";
                if (weft::current_task().cancelling() > before + (accepted ? 1 : 0))
                    wrong = "requests are left";
            };
            try {
                level(outer, [&] {
                    level(inner, [&] { weft::sleep_for(2ms); });
                    weft::sleep_for(1ms);
                });
                weft::sleep_for(1s);
            } catch (const weft::cancelled_error&) { ++cancels; }
            try {
                weft::sleep_for(1s);
            } catch (const weft::cancelled_error&) { ++cancels; }
            if (weft::current_task().cancelling() != (accepted ? 1U : 0U)) wrong = "the count";
        });
        g.create_task([&, comes = d.coin()] {
            d.delay();
            if (comes) accepted = t.cancel();
        });
        g.join();
        if (cancels != (accepted && begun ? 1 : 0)) return "cancels: " + std::to_string(cancels);
        return wrong;
    });
}

TEST_CASE(
    "TGR-02 TGR-09 TGR-10: children that fail, a limit and a cancel of the owner, at the same "
    "moment: all children have ended, the errors come out, the cancel is not lost",
    "[testing][races]") {
    for_all_seeds([](dice& d) -> std::string {
        bool accepted = false, owner_begun = false, all_had_ended = true;
        int failed = 0, ended = 0, begun = 0;
        std::optional<std::size_t> told;
        int cancels = 0;
        weft::task_group outside;
        auto owner = outside.create_task([&, limit = d.moment() + 1ns] {
            owner_begun = true;
            const auto children = [&](weft::task_group& g) {
                for (int i = 0; i < 3; ++i)
                    g.create_task([&, fails = d.coin(), life = counted()] {
                        ++begun;
                        try {
                            d.delay();
                        } catch (...) {
                            ++ended;
                            throw;
                        }
                        ++ended;
                        if (fails) {
                            ++failed;
                            throw std::runtime_error("child");
                        }
                    });
                if (d.coin()) weft::sleep_for(d.moment());
            };
            try {
                weft::timeout(limit,
                              [&](weft::timeout_scope&) { weft::with_task_group(children); });
            } catch (const weft::task_errors& e) {
                told = e.exceptions().size();
            } catch (const weft::timeout_error&) {
            } catch (const weft::cancelled_error&) { ++cancels; }
            all_had_ended = begun == ended;
            for (int i = 0; i < 2; ++i) try {
                    weft::sleep_for(1s);
                } catch (const weft::cancelled_error&) { ++cancels; }
        });
        outside.create_task([&, comes = d.coin()] {
            d.delay();
            if (comes) accepted = owner.cancel();
        });
        outside.join();
        if (!all_had_ended) return "a child outlived its group";
        // A child's group_closed is none of these; the body itself may meet one.
        if (failed > 0 && told.value_or(0) < static_cast<std::size_t>(failed)) return "errors lost";
        if (failed == 0 && told) return "errors out of nothing";
        if (cancels != (accepted && owner_begun ? 1 : 0))
            return "cancels: " + std::to_string(cancels);
        return "";
    });
}

TEST_CASE(
    "LCK-02 SEM-03 CHN-09: locks, permits and values under limits and cancels: each is held by one "
    "or free at the end",
    "[testing][races]") {
    for_all_seeds([](dice& d) -> std::string {
        weft::mutex m;
        weft::counting_semaphore<2> permits(2);
        weft::channel<int> a(0), b(1);
        int inside = 0, sent = 0, received = 0;
        std::string wrong;
        weft::task_group g;
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < 4; ++i)
            tasks.push_back(g.create_task([&, limit = d.moment() + 1ns, sends = i % 2 == 0] {
                ending end;
                end.of([&] {
                    weft::wait_for(limit, [&] {
                        permits.acquire();
                        struct gives_back {
                            weft::counting_semaphore<2>& s;
                            ~gives_back() { s.release(); }
                        } const permit{permits};
                        {
                            const std::lock_guard held(m);
                            struct counts {
                                int& n;
                                ~counts() { --n; }
                            } const in{++inside};
                            if (inside != 1) wrong = "two in the lock";
                            weft::yield();
                        }
                        if (sends)
                            weft::select(weft::send(a, 1, [&] { ++sent; }),
                                         weft::send(b, 1, [&] { ++sent; }));
                        else
                            weft::select(weft::recv(a, [&](int) { ++received; }),
                                         weft::recv(b, [&](int) { ++received; }));
                    });
                });
            }));
        g.create_task([&] {
            for (int i = 0; i < 2; ++i) {
                d.delay();
                tasks[d.below(4)].cancel();
            }
        });
        g.join();
        if (!m.try_lock()) return "the lock is held by nobody";
        m.unlock();
        if (!permits.try_acquire() || !permits.try_acquire()) return "a permit is lost";
        for (auto x = b.try_recv(); x; x = b.try_recv()) ++received;
        if (sent != received) return "sent and received differ";
        return wrong;
    });
}
