// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <system_error>

using namespace weft::testing;
using namespace std::chrono_literals;

namespace {

using lock_type = std::unique_lock<weft::mutex>;

struct shared {
    weft::mutex m;
    weft::condition_variable changed;
};

} // namespace

TEST_CASE("CND-01: notify_one wakes one waiter after the other, in the order of their arrival",
          "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    shared x;
    std::vector<int> order;
    crew c(s);
    for (int i = 0; i < 4; ++i) {
        c.start([&, i] {
            lock_type lock(x.m);
            x.changed.wait(lock);
            order.push_back(i);
        });
        until([&] { return probe::waiting(x.changed) == static_cast<std::size_t>(i) + 1; });
    }
    for (std::size_t n = 1; n <= 4; ++n) {
        x.changed.notify_one();
        until([&] {
            const std::lock_guard guard(x.m);
            return order.size() == n;
        });
        CHECK(probe::waiting(x.changed) == 4 - n);
    }
    x.changed.notify_one(); // nobody waits: nothing happens
    c.join();
    CHECK(order == std::vector{0, 1, 2, 3});
}

TEST_CASE("notify_all wakes all, who go on one at a time", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    shared x;
    int inside = 0, most = 0, passed = 0;
    crew c(s);
    for (int i = 0; i < 6; ++i)
        c.start([&] {
            lock_type lock(x.m);
            x.changed.wait(lock);
            most = std::max(most, ++inside);
            weft::yield();
            --inside;
            ++passed;
        });
    until([&] { return probe::waiting(x.changed) == 6; });
    {
        const std::lock_guard guard(x.m);
        x.changed.notify_all();
    }
    c.join();
    CHECK(passed == 6);
    CHECK(most == 1);
}

TEST_CASE("wait releases the mutex, and holds it when it returns", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    shared x;
    std::atomic<bool> held_again{false};
    crew c(s);
    c.start([&] {
        lock_type lock(x.m);
        x.changed.wait(lock);
        held_again = lock.owns_lock() && !x.m.try_lock();
    });
    until([&] { return probe::waiting(x.changed) == 1; });
    until([&] { return x.m.try_lock(); }); // given up by the waiter
    x.m.unlock();
    x.changed.notify_one();
    c.join();
    CHECK(held_again);
    CHECK(x.m.try_lock());
}

TEST_CASE("CND-03: a predicate is tested again after every notification", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    shared x;
    int value = 0, seen = 0, tests = 0;
    crew c(s);
    c.start([&] {
        lock_type lock(x.m);
        x.changed.wait(lock, [&] { return ++tests, value == 3; });
        seen = value;
    });
    for (int i = 1; i <= 3; ++i) {
        until([&] { return probe::waiting(x.changed) == 1; });
        {
            const std::lock_guard guard(x.m);
            value = i;
        }
        x.changed.notify_all();
    }
    c.join();
    CHECK(seen == 3);
    CHECK(tests == 4);
}

TEST_CASE("a wait with a limit says whether it was notified, and holds the mutex", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    shared x;
    std::atomic<int> right{0};
    crew c(s);
    c.start([&] {
        lock_type lock(x.m);
        right += x.changed.wait_for(lock, 1ms) == std::cv_status::timeout;
        right += !x.m.try_lock();
        right +=
            x.changed.wait_until(lock, std::chrono::steady_clock::now()) == std::cv_status::timeout;
        right += !x.changed.wait_for(lock, 1ms, [] { return false; });
        right += x.changed.wait_for(lock, -1s, [] { return true; });
        right += !x.m.try_lock();
    });
    c.join();
    CHECK(right == 6);
    c.start([&] {
        lock_type lock(x.m);
        right += x.changed.wait_for(lock, 1h) == std::cv_status::no_timeout;
    });
    until([&] { return probe::waiting(x.changed) == 1; });
    x.changed.notify_one();
    c.join();
    CHECK(right == 7);
    CHECK(probe::waiting(x.changed) == 0);
}

TEST_CASE("CND-02: a wait without the lock is refused", "[sync]") {
    shared x;
    lock_type lock(x.m, std::defer_lock);
    CHECK_THROWS_AS(x.changed.wait(lock), std::system_error);
    CHECK(x.m.try_lock());
}

TEST_CASE("CND-04: a cancelled waiter holds the mutex when the error leaves wait", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    shared x;
    bool owned = false, cancelled = false;
    crew c(s);
    auto waiter = c.start([&] {
        lock_type lock(x.m);
        cancelled = was_cancelled([&] { x.changed.wait(lock); });
        owned = lock.owns_lock() && !x.m.try_lock();
    });
    until([&] { return probe::waiting(x.changed) == 1; });
    x.m.lock();
    waiter.cancel();
    until([&] { return probe::waiting(x.m) == 1; }); // he wants it back before he leaves
    CHECK_FALSE(waiter.done());
    x.m.unlock();
    c.join();
    CHECK(cancelled);
    CHECK(owned);
    CHECK(probe::waiting(x.changed) == 0);
    CHECK(x.m.try_lock());
}

TEST_CASE("a cancel that comes before the wait leaves the mutex locked", "[sync]") {
    shared x;
    bool owned = false, cancelled = false;
    crew c({1});
    c.start([&] {
        lock_type lock(x.m);
        weft::current_task().cancel();
        cancelled = was_cancelled([&] { x.changed.wait(lock); });
        owned = lock.owns_lock() && !x.m.try_lock();
    });
    c.join();
    CHECK(cancelled);
    CHECK(owned);
    CHECK(x.m.try_lock());
}

TEST_CASE("CND-05 CAN-18: a cancel while re-locking is delivered after it, with its message",
          "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    shared x;
    bool owned = false;
    std::string message;
    crew c(s);
    auto waiter = c.start([&] {
        lock_type lock(x.m);
        try {
            x.changed.wait(lock);
        } catch (const weft::cancelled_error& e) {
            message = e.what();
            owned = lock.owns_lock() && !x.m.try_lock();
        }
    });
    until([&] { return probe::waiting(x.changed) == 1; });
    x.m.lock();
    x.changed.notify_one();
    until([&] { return probe::waiting(x.m) == 1; });
    waiter.cancel("late");
    CHECK(probe::waiting(x.m) == 1);
    waiter.cancel("late"); // nor does a second one end the re-locking
    CHECK(probe::waiting(x.m) == 1);
    x.m.unlock();
    c.join();
    CHECK(message == "late");
    CHECK(owned);
    CHECK(x.m.try_lock());
}

TEST_CASE("CND-06: the notification of a waiter who is cancelled before he runs goes to the next",
          "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    const bool while_relocking = GENERATE(false, true);
    CAPTURE(while_relocking);
    shared x;
    int items = 0;
    std::atomic<int> taken{0};
    crew c(s);
    auto body = [&] {
        lock_type lock(x.m);
        x.changed.wait(lock, [&] { return items > 0; });
        --items;
        ++taken;
    };
    auto first = c.start(body);
    until([&] { return probe::waiting(x.changed) == 1; });
    auto second = c.start(body);
    until([&] { return probe::waiting(x.changed) == 2; });
    x.m.lock();
    items = 1;
    x.changed.notify_one();
    if (while_relocking) until([&] { return probe::waiting(x.m) == 1; });
    first.cancel();
    x.m.unlock();
    c.join(); // for ever, if the notification is lost
    CHECK(first.cancelled());
    CHECK_FALSE(second.cancelled());
    CHECK(taken == 1);
    CHECK(items == 0);
}

TEST_CASE("no item is left behind where notifications and cancels race", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    crew c(s);
    int good = 0;
    constexpr int k_rounds = 500;
    for (int round = 0; round < k_rounds; ++round) {
        shared x;
        std::deque<int> items;
        std::atomic<int> taken{0}, cancelled{0};
        auto take = [&] {
            lock_type lock(x.m);
            x.changed.wait(lock, [&] { return !items.empty(); });
            items.pop_front();
            ++taken;
        };
        auto victim = c.start([&] {
            if (was_cancelled(take)) ++cancelled;
        });
        auto stays = c.start(take);
        c.start([&] {
            for (int i = 0; i < 2; ++i) {
                {
                    const std::lock_guard guard(x.m);
                    items.push_back(i);
                }
                x.changed.notify_one();
            }
        });
        c.start([&] { victim.cancel(); });
        stays.wait();
        c.join();
        // The victim may also be cancelled before its first step, or with its item in hand.
        good += taken >= 1 && taken + static_cast<int>(items.size()) == 2;
    }
    CHECK(good == k_rounds);
}

TEST_CASE("CND-07: several conditions share one mutex", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::mutex m;
    weft::condition_variable not_full, not_empty;
    std::deque<int> buffer;
    constexpr int k_items = 2000;
    constexpr std::size_t k_room = 3;
    long sum = 0;
    crew c(s);
    for (int p = 0; p < 2; ++p)
        c.start([&] {
            for (int i = 1; i <= k_items; ++i) {
                lock_type lock(m);
                not_full.wait(lock, [&] { return buffer.size() < k_room; });
                buffer.push_back(i);
                not_empty.notify_one();
            }
        });
    for (int p = 0; p < 2; ++p)
        c.start([&] {
            for (int i = 1; i <= k_items; ++i) {
                lock_type lock(m);
                not_empty.wait(lock, [&] { return !buffer.empty(); });
                sum += buffer.front();
                buffer.pop_front();
                lock.unlock();
                not_full.notify_one();
            }
        });
    c.join();
    CHECK(sum == 2L * k_items * (k_items + 1) / 2);
    CHECK(buffer.empty());
}

TEST_CASE("time-outs that race with notifications lose no notification", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    shared x;
    int tokens = 0;
    bool closed = false;
    std::atomic<int> taken{0};
    constexpr int k_tokens = 600;
    crew c(s);
    for (int t = 0; t < 3; ++t)
        c.start([&, t] {
            for (int i = 0;; ++i) {
                lock_type lock(x.m);
                const auto limit = std::chrono::microseconds(1 + (i * 11 + t * 5) % 80);
                if (!x.changed.wait_for(lock, limit, [&] { return tokens > 0 || closed; }))
                    continue;
                if (tokens == 0) return;
                --tokens;
                ++taken;
            }
        });
    c.start([&] {
        for (int i = 0; i < k_tokens; ++i) {
            {
                const std::lock_guard guard(x.m);
                ++tokens;
            }
            x.changed.notify_one();
            if (i % 3 == 0) weft::yield();
        }
        const std::lock_guard guard(x.m);
        closed = true;
        x.changed.notify_all();
    });
    c.join();
    CHECK(taken == k_tokens);
}
