// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <string>

#include "support/child.hpp"
#include "support/runtimes.hpp"

using namespace weft::testing;
using namespace std::chrono_literals;

TEST_CASE("QUE-01: items come out first in, first out; empty and full say what is", "[sync]") {
    weft::queue<int> q(2);
    CHECK(q.empty());
    CHECK_FALSE(q.full());
    q.put(1);
    q.put(2);
    CHECK(q.full());
    CHECK(q.size() == 2);
    CHECK(q.get() == 1);
    q.put(3);
    CHECK(q.get() == 2);
    CHECK(q.get() == 3);
    CHECK(q.empty());
    weft::queue<std::string> unbounded;
    for (int i = 0; i < 1000; ++i) unbounded.put(std::to_string(i));
    CHECK_FALSE(unbounded.full());
    CHECK(unbounded.get() == "0");
}

TEST_CASE("QUE-02: put waits while there is no room, get while there is nothing", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::queue<int> q(1);
    std::atomic<int> put{0};
    std::atomic<int> got{0};
    crew c(s);
    c.start([&] {
        for (int i = 1; i <= 3; ++i) {
            q.put(i);
            ++put;
        }
    });
    until([&] { return probe::putters(q) == 1; });
    CHECK(put == 1);
    CHECK(q.get() == 1);
    CHECK(q.get() == 2);
    CHECK(q.get() == 3);
    c.start([&] { got = q.get(); });
    until([&] { return probe::getters(q) == 1; });
    q.put(7);
    c.join();
    CHECK(got == 7);
}

TEST_CASE("QUE-03: the forms that do not wait say why they can't, and wake who waits", "[sync]") {
    weft::queue<int> q(1);
    CHECK_THROWS_AS(q.get_nowait(), weft::queue_empty);
    q.put_nowait(1);
    CHECK_THROWS_AS(q.put_nowait(2), weft::queue_full);
    CHECK(q.get_nowait() == 1);
    crew c({2});
    std::atomic<int> got{0};
    c.start([&] { got = q.get(); });
    until([&] { return probe::getters(q) == 1; });
    q.put_nowait(5); // from a plain thread
    c.join();
    CHECK(got == 5);
    q.put(1);
    c.start([&] { q.put(2); });
    until([&] { return probe::putters(q) == 1; });
    CHECK(q.get_nowait() == 1);
    c.join();
    CHECK(q.get_nowait() == 2);
}

TEST_CASE("QUE-04 QUE-07: a getter that is cancelled, or times out, leaves the line; the next item "
          "is another's",
          "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::queue<int> q;
    crew c(s);
    std::atomic<int> got{0}, cancelled{0};
    auto first = c.start_task([&] { cancelled += was_cancelled([&] { q.get(); }) ? 1 : 0; });
    until([&] { return probe::getters(q) == 1; });
    c.start([&] { got = q.get(); });
    until([&] { return probe::getters(q) == 2; });
    first.cancel();
    until([&] { return cancelled == 1; });
    CHECK(probe::getters(q) == 1);
    q.put(4);
    c.join();
    CHECK(got == 4);
    std::atomic<int> gave_up{0};
    for (int i = 0; i < 50; ++i)
        c.start_task([&] {
            try {
                weft::wait_for(100us, [&] { return q.get(); });
            } catch (const weft::timeout_error&) { ++gave_up; }
        });
    c.join();
    CHECK(gave_up == 50);
    CHECK(probe::getters(q) == 0);
}

TEST_CASE("QUE-05: an item that was handed over before the cancel is kept; order stays", "[sync]") {
    weft::run({.workers = 1}, [] {
        weft::queue<int> q;
        int got = 0;
        bool cancelled_later = false;
        auto getter = weft::create_task([&] {
            got = q.get();
            cancelled_later = was_cancelled([] { weft::sleep_for(1h); });
        });
        weft::yield();
        q.put(1);
        q.put(2);
        getter.cancel(); // it has not run since
        weft::await(getter);
        CHECK(got == 1);
        CHECK(cancelled_later);
        CHECK(q.get() == 2);
    });
}

TEST_CASE(
    "QUE-06: a cancelled put has put nothing, keeps its item, and gives its place to the next",
    "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::queue<std::unique_ptr<int>> q(1);
    q.put(std::make_unique<int>(0));
    crew c(s);
    auto item = std::make_unique<int>(1);
    std::atomic<bool> cancelled{false};
    auto putter = c.start_task([&] { cancelled = was_cancelled([&] { q.put(std::move(item)); }); });
    until([&] { return probe::putters(q) == 1; });
    c.start([&] { q.put(std::make_unique<int>(2)); });
    until([&] { return probe::putters(q) == 2; });
    putter.cancel();
    until([&] { return cancelled.load(); });
    CHECK(probe::putters(q) == 1);
    REQUIRE(item != nullptr);
    CHECK(*item == 1);
    CHECK(*q.get() == 0);
    CHECK(*q.get() == 2);
    c.join();
    CHECK(q.empty());
    q.put(nullptr);
    CHECK_THROWS_AS(q.put_nowait(std::move(item)), weft::queue_full);
    CHECK(item != nullptr);
}

TEST_CASE("QUE-08: whatever becomes free lets in as many as fit", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::queue<int> q(3);
    for (int i = 0; i < 3; ++i) q.put(i);
    crew c(s);
    for (int i = 0; i < 3; ++i) {
        c.start([&, i] { q.put(10 + i); });
        until([&] { return probe::putters(q) == static_cast<std::size_t>(i) + 1; });
    }
    for (int i = 0; i < 3; ++i) CHECK(q.get() == i);
    c.join(); // all of them are through
    for (int i = 0; i < 3; ++i) CHECK(q.get() == 10 + i);
    for (int i = 0; i < 3; ++i) c.start([&] { static_cast<void>(q.get()); });
    until([&] { return probe::getters(q) == 3; });
    for (int i = 0; i < 3; ++i) q.put_nowait(i);
    c.join();
    CHECK(q.empty());
}

TEST_CASE("QUE-09: last in first out; smallest first, equal ones in the order they were put",
          "[sync]") {
    weft::lifo_queue<int> lifo;
    for (int i = 1; i <= 3; ++i) lifo.put(i);
    for (int i = 3; i >= 1; --i) CHECK(lifo.get() == i);

    struct job {
        int priority;
        char name;
        bool operator<(const job& o) const { return priority < o.priority; }
    };
    weft::priority_queue<job> jobs;
    const char* names = "abcdefgh";
    for (int i = 0; i < 8; ++i) jobs.put(job{i % 3, names[i]});
    std::string order;
    while (!jobs.empty()) order += jobs.get().name;
    CHECK(order == "adgbehcf");
    weft::priority_queue<int, std::greater<>> largest(2);
    largest.put(1);
    largest.put(2);
    CHECK_THROWS_AS(largest.put_nowait(3), weft::queue_full);
    CHECK(largest.get() == 2);
}

TEST_CASE("QUE-10: join waits until task_done was called for every item", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::queue<int> q;
    q.join(); // nothing was put
    std::atomic<int> done{0};
    std::atomic<bool> joined{false};
    crew c(s);
    for (int i = 0; i < 10; ++i) q.put(i);
    c.start([&] {
        q.join();
        joined = done == 10;
    });
    for (int i = 0; i < 2; ++i)
        c.start([&] {
            for (int n = 0; n < 5; ++n) {
                static_cast<void>(q.get());
                ++done;
                q.task_done();
            }
        });
    c.join();
    CHECK(joined);
    CHECK_THROWS_AS(q.task_done(), std::logic_error);
    q.join();
}

TEST_CASE("QUE-11: after shutdown puts fail, gets once the queue is empty; who waits is woken",
          "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::queue<int> q(1);
    std::atomic<int> refused{0};
    crew c(s);
    const auto refuses = [&](auto f) {
        try {
            f();
        } catch (const weft::queue_shut_down&) { ++refused; }
    };
    q.put(1);
    c.start([&] { refuses([&] { q.put(2); }); });
    c.start([&] { refuses([&] { q.put(3); }); });
    until([&] { return probe::putters(q) == 2; });
    q.shutdown();
    q.shutdown();
    c.join();
    CHECK(refused == 2);
    refuses([&] { q.put(4); });
    refuses([&] { q.put_nowait(4); });
    CHECK(refused == 4);
    CHECK(q.get() == 1);
    refuses([&] { static_cast<void>(q.get()); });
    refuses([&] { static_cast<void>(q.get_nowait()); });
    CHECK(refused == 6);
    weft::queue<int> empty;
    c.start([&] { refuses([&] { static_cast<void>(empty.get()); }); });
    until([&] { return probe::getters(empty) == 1; });
    empty.shutdown();
    c.join();
    CHECK(refused == 7);
}

TEST_CASE("QUE-12: an immediate shutdown drops what is there; join waits for what was taken",
          "[sync]") {
    weft::queue<counted> q;
    const int before = counted::alive;
    for (int i = 0; i < 3; ++i) q.put(counted());
    const counted taken = q.get();
    std::atomic<bool> joined{false};
    crew c({2});
    c.start([&] {
        q.join();
        joined = true;
    });
    q.shutdown({.immediate = true});
    CHECK(counted::alive == before + 1);
    CHECK_THROWS_AS(q.get(), weft::queue_shut_down);
    CHECK_FALSE(joined);
    q.task_done();
    c.join();
    CHECK(joined);
    weft::queue<int> other;
    other.put(1);
    other.shutdown(true);
    other.join(); // nothing was taken
}

TEST_CASE("QUE-13: producers, consumers and cancels: every item comes once", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    constexpr int k_items = 2000;
    weft::queue<int> q(4);
    std::atomic<long> sum{0};
    std::atomic<int> count{0};
    crew c(s);
    std::vector<weft::task_handle> victims;
    std::atomic<int> began{0}; // one that is cancelled before never does
    for (int p = 0; p < 2; ++p)
        c.start([&, p] {
            for (int i = p; i < k_items; i += 2) {
                for (;;) {
                    try {
                        q.put(i);
                        break;
                    } catch (const weft::cancelled_error&) {} // it was not put in
                }
            }
        });
    for (int p = 0; p < 3; ++p)
        victims.push_back(c.start_task([&] {
            ++began;
            for (;;) {
                try {
                    const int i = q.get();
                    sum += i;
                    ++count;
                } catch (const weft::cancelled_error&) {
                    const weft::mask_cancel m;
                    weft::yield(); // the next cancel may be here already
                } catch (const weft::queue_shut_down&) { return; }
            }
        }));
    until([&] { return began == 3; });
    while (count < k_items)
        for (auto& v : victims) {
            v.cancel();
            std::this_thread::yield();
        }
    q.shutdown();
    c.join();
    CHECK(count == k_items);
    CHECK(sum == static_cast<long>(k_items) * (k_items - 1) / 2);
}

TEST_CASE("QUE-14: items left are destroyed; a queue that somebody waits for must not be",
          "[sync]") {
    const int before = counted::alive;
    {
        weft::queue<counted> q;
        weft::lifo_queue<counted> l;
        for (int i = 0; i < 3; ++i) {
            q.put(counted());
            l.put(counted());
        }
    }
    CHECK(counted::alive == before);
    if (weft::detail::k_tsan) return; // threads and fork
    const child_end end = in_child([] {
        auto q = std::make_unique<weft::queue<int>>();
        std::thread([&] { static_cast<void>(q->get()); }).detach();
        while (probe::getters(*q) == 0) std::this_thread::yield();
        q.reset();
        return 0;
    });
    CHECK(end.killed_by(SIGABRT));
    CHECK(end.said.find("destroyed while somebody waits") != std::string::npos);
}

TEST_CASE("an item that throws when it is copied leaves the queue whole", "[sync]") {
    struct fragile {
        bool breaks = false;
        fragile() = default;
        explicit fragile(bool b) : breaks(b) {}
        fragile(const fragile& o) : breaks(o.breaks) {
            if (breaks) throw std::runtime_error("copied");
        }
        fragile(fragile&& o) noexcept : breaks(o.breaks) {}
        fragile& operator=(const fragile&) = default;
        fragile& operator=(fragile&&) = default;
    };
    weft::queue<fragile> q(1);
    const fragile bad(true);
    CHECK_THROWS_AS(q.put(bad), std::runtime_error);
    CHECK(q.empty());
    q.put(fragile());
    crew c({1});
    std::atomic<bool> threw{false};
    c.start([&] {
        try {
            q.put(bad);
        } catch (const std::runtime_error&) { threw = true; }
    });
    until([&] { return probe::putters(q) == 1; });
    static_cast<void>(q.get());
    c.join();
    CHECK(threw);
    CHECK(q.empty());
}
