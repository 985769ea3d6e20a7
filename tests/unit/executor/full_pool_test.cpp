// SPDX-License-Identifier: Apache-2.0
// Pools that are full: bounded queues, calls that wait for calls of their own pool, shutdown with a limit.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "support/gate.hpp"
#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::thread_pool_executor;
using weft::testing::counted;
using weft::testing::gate;
using weft::testing::leak_fixture;
using weft::testing::over_workers;

namespace {

/// A pool of one thread that a call holds at the gate, with one more in the queue: it is full.
struct full_pool {
    gate g;
    thread_pool_executor pool;
    std::vector<weft::future<void>> calls;

    explicit full_pool(weft::when_full on_full)
        : pool({.max_workers = 1, .max_queued = 1, .on_full = on_full}) {
        calls.push_back(pool.submit([this] { g.pass(); }));
        g.await_waiting(1);
        calls.push_back(pool.submit([] {}));
    }
    ~full_pool() { g.open(); }
};

/// What a pool says of itself.
class said {
public:
    std::function<void(const std::string&)> handler() {
        return [this](const std::string& line) {
            const std::lock_guard guard(mutex_);
            lines_.push_back(line);
        };
    }
    std::vector<std::string> lines() {
        const std::lock_guard guard(mutex_);
        return lines_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// 1 + a call of the same pool for the rest: as deep as n.
int deep(thread_pool_executor& pool, int n) {
    return n == 0 ? 0 : 1 + pool.submit([&pool, n] { return deep(pool, n - 1); }).get();
}

} // namespace

TEST_CASE("thread pool: a full queue refuses where it is told to", "[executor]") {
    over_workers([] {
        full_pool full(weft::when_full::refuse);
        CHECK_THROWS_AS(full.pool.submit([life = counted()] {}), weft::queue_full);
        CHECK(counted::alive == 0);
        full.g.open();
        for (auto& f : full.calls) weft::await(f);
        CHECK(weft::await(full.pool.submit([] { return 1; })) == 1);
    });
}

TEST_CASE("thread pool: a full queue keeps its callers waiting, and serves them in order",
          "[executor]") {
    over_workers([] {
        full_pool full(weft::when_full::wait);
        std::vector<int> order;
        std::atomic<int> posted{0};
        weft::task_group g;
        for (int i = 0; i < 20; ++i) {
            std::atomic<bool> begun{false};
            g.create_task([&full, &order, &posted, &begun, i] {
                begun = true;
                static_cast<void>(full.pool.submit([&order, i] { order.push_back(i); }));
                ++posted;
            });
            while (!begun) weft::yield();
            weft::sleep_for(1ms); // the order is that of the posts
        }
        CHECK(posted == 0);
        CHECK(full.pool.queued() == 1);
        full.g.open();
        g.join();
        full.pool.shutdown();
        CHECK(order.size() == 20);
        CHECK(std::is_sorted(order.begin(), order.end()));
    });
}

TEST_CASE("thread pool: a plain thread waits for room, too", "[executor]") {
    leak_fixture nothing_leaks;
    full_pool full(weft::when_full::wait);
    std::atomic<bool> posted{false};
    std::thread caller([&] {
        CHECK(full.pool.submit([] { return 7; }).get() == 7);
        posted = true;
    });
    CHECK_FALSE(posted);
    full.g.open();
    caller.join();
    CHECK(posted);
}

TEST_CASE("thread pool: who is cancelled while it waits for room has posted nothing",
          "[executor]") {
    over_workers([] {
        full_pool full(weft::when_full::wait);
        std::atomic<bool> ran{false};
        auto waiting = weft::create_task(
            [&] { static_cast<void>(full.pool.submit([&ran, life = counted()] { ran = true; })); });
        weft::sleep_for(1ms);
        CHECK(waiting.cancel("no more"));
        CHECK_THROWS_AS(weft::await(waiting), weft::cancelled_error);
        CHECK(counted::alive == 0);
        full.g.open();
        full.pool.shutdown();
        CHECK_FALSE(ran);
    });
}

TEST_CASE("thread pool: shutdown refuses those who wait for room", "[executor]") {
    over_workers([] {
        full_pool full(weft::when_full::wait);
        auto waiting = weft::create_task([&] { static_cast<void>(full.pool.submit([] {})); });
        weft::sleep_for(1ms);
        full.pool.shutdown({.wait = false});
        CHECK_THROWS_AS(weft::await(waiting), weft::runtime_closed);
    });
}

TEST_CASE(
    "THR-17: thread pool: calls that wait for calls of their own full pool make it grow, and it "
    "says so",
    "[executor]") {
    over_workers([] {
        said log;
        thread_pool_executor pool({.max_workers = 2, .log_handler = log.handler()});
        CHECK(weft::await(pool.submit([&] { return deep(pool, 12); })) == 12);
        const auto lines = log.lines();
        REQUIRE(lines.size() >= 11); // a thread each, but for what the two could do
        // Each is said by the thread that is about to wait, so the second may come first.
        CHECK(std::ranges::any_of(lines, [](const std::string& line) {
            return line.find("all 2 threads") != std::string::npos &&
                   line.find("to 3") != std::string::npos;
        }));
        // What it grew by leaves.
        while (pool.threads() > 2) weft::await(pool.submit([] {}));
        CHECK(weft::await(pool.submit([&] { return deep(pool, 5); })) == 5);
        CHECK(log.lines().size() == lines.size()); // nothing new to say
    });
}

TEST_CASE("THR-17: thread pool: waits of other kinds, through tasks and other pools, make it grow "
          "as well",
          "[executor]") {
    over_workers([] {
        said log;
        thread_pool_executor a({.max_workers = 1, .log_handler = log.handler()});
        thread_pool_executor b({.max_workers = 1, .log_handler = log.handler()});
        auto through_other = a.submit(
            [&] { return b.submit([&] { return a.submit([] { return 5; }).get(); }).get(); });
        CHECK(weft::await(through_other) == 5);
        weft::event done;
        auto setter = a.submit([&] { done.wait(); });
        weft::await(a.submit([&] { done.set(); }));
        weft::await(setter);
        CHECK_FALSE(log.lines().empty());
    });
}

TEST_CASE("thread pool: a call that posts to its own full, bounded pool is served", "[executor]") {
    over_workers([] {
        said log;
        thread_pool_executor pool(
            {.max_workers = 1, .max_queued = 1, .log_handler = log.handler()});
        std::atomic<int> ran{0};
        weft::await(pool.submit([&] {
            for (int i = 0; i < 10; ++i) static_cast<void>(pool.submit([&] { ++ran; }));
        }));
        pool.shutdown();
        CHECK(ran == 10);
        CHECK_FALSE(log.lines().empty());
    });
}

TEST_CASE("thread pool: shutdown with a limit leaves behind what does not end", "[executor]") {
    over_workers([] {
        gate g;
        weft::future<int> late;
        {
            thread_pool_executor pool({.max_workers = 1});
            late = pool.submit([&] {
                g.pass();
                return 3;
            });
            auto never = pool.submit([] {});
            weft::await(weft::run_in_executor([&] { g.await_waiting(1); }));
            pool.shutdown({.cancel_futures = true, .timeout = 1ms});
            CHECK(never.cancelled());
            CHECK_FALSE(late.done());
        }
        g.open();
        CHECK(weft::await(late) == 3);
    });
}
