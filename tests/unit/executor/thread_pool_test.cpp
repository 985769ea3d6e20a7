// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include <unistd.h>

#include "support/gate.hpp"
#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::thread_pool_executor;
using weft::testing::counted;
using weft::testing::gate;
using weft::testing::leak_fixture;
using weft::testing::over_workers;

TEST_CASE("thread pool: a call gives its result, of whatever kind, to a task and to a plain thread",
          "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 2});
        CHECK(weft::await(pool.submit([](int a, int b) { return a + b; }, 2, 3)) == 5);
        CHECK(weft::await(weft::run_in_executor(pool, [] { return std::string("text"); })) ==
              "text");
        auto boxed = weft::run_in_executor(
            pool, [](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(7));
        CHECK(*weft::await(std::move(boxed)) == 7);
        int target = 1;
        weft::future<int&> ref = pool.submit([](int& x) -> int& { return x; }, std::ref(target));
        CHECK(&weft::await(ref) == &target);
        weft::await(pool.submit([] {}));
    });
    leak_fixture nothing_leaks;
    thread_pool_executor pool;
    CHECK(pool.submit([] { return 42; }).get() == 42);
}

TEST_CASE("THR-02: thread pool: exceptions of any type arrive", "[executor]") {
    over_workers([] {
        CHECK_THROWS_WITH(
            weft::await(weft::run_in_executor([] { throw std::runtime_error("why"); })), "why");
        CHECK_THROWS_AS(weft::await(weft::run_in_executor([]() -> int { throw 7; })), int);
        CHECK_THROWS_AS(
            weft::await(weft::run_in_executor([] { throw weft::cancelled_error("mine"); })),
            weft::cancelled_error);
    });
}

TEST_CASE(
    "THR-04: thread pool: threads come as calls need them, up to the limit, and calls beyond it "
    "queue in order",
    "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 3});
        CHECK(pool.threads() == 0);
        gate g;
        std::vector<weft::future<void>> blocked;
        for (int i = 1; i <= 3; ++i) {
            blocked.push_back(pool.submit([&] { g.pass(); }));
            CHECK(pool.threads() == static_cast<unsigned>(i));
        }
        weft::await(weft::run_in_executor([&] { g.await_waiting(3); }));
        std::mutex m;
        std::vector<int> order;
        for (int i = 0; i < 5; ++i)
            blocked.push_back(pool.submit([&, i] {
                const std::lock_guard guard(m);
                order.push_back(i);
            }));
        CHECK(pool.threads() == 3);
        CHECK(pool.queued() == 5);
        g.open();
        for (auto& f : blocked) weft::await(f);
        CHECK(std::set<int>(order.begin(), order.end()).size() == 5);
        CHECK(pool.queued() == 0);
    });
}

TEST_CASE("thread pool: with one thread calls run in the order they were made", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 1});
        std::vector<int> order;
        std::vector<weft::future<void>> calls;
        for (int i = 0; i < 100; ++i)
            calls.push_back(pool.submit([&order, i] { order.push_back(i); }));
        for (auto& f : calls) weft::await(f);
        CHECK(order.size() == 100);
        CHECK(std::is_sorted(order.begin(), order.end()));
    });
}

TEST_CASE("thread pool: idle threads leave after their time, and new ones come", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 4, .idle_timeout = 5ms});
        gate g;
        std::vector<weft::future<void>> blocked;
        for (int i = 0; i < 4; ++i) blocked.push_back(pool.submit([&] { g.pass(); }));
        CHECK(pool.threads() == 4);
        g.open();
        for (auto& f : blocked) weft::await(f);
        while (pool.threads() > 0) weft::sleep_for(1ms);
        CHECK(weft::await(pool.submit([] { return 1; })) == 1);
    });
}

TEST_CASE("THR-09 WRP-03: thread pool: cancel of a call that has not begun removes it",
          "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 1});
        gate g;
        auto running = pool.submit([&] { g.pass(); });
        std::atomic<bool> ran{false};
        auto queued = pool.submit([&, life = counted()] { ran = true; });
        CHECK(counted::alive == 1);
        CHECK(queued.cancel("not needed"));
        CHECK(counted::alive == 0); // at once, not when its turn comes
        CHECK(queued.cancelled());
        CHECK_FALSE(queued.cancel());
        g.open();
        weft::await(running);
        pool.shutdown();
        CHECK_FALSE(ran);
    });
}

TEST_CASE("THR-09 WRP-03: thread pool: a cancelled waiter cancels the call that has not begun",
          "[executor]") {
    // One worker: when it comes back to us, the waiter waits.
    weft::run({.workers = 1, .max_spares = 0}, [] {
        thread_pool_executor pool({.max_workers = 1});
        gate g;
        auto running = pool.submit([&] { g.pass(); });
        std::atomic<bool> ran{false};
        auto waiter = weft::create_task([&] {
            weft::await(weft::run_in_executor(pool, [&, life = counted()] { ran = true; }));
        });
        while (pool.queued() < 1) weft::yield();
        waiter.cancel();
        CHECK_THROWS_AS(weft::await(waiter), weft::cancelled_error);
        CHECK(counted::alive == 0);
        g.open();
        weft::await(running);
        pool.shutdown();
        CHECK_FALSE(ran);
    });
}

TEST_CASE(
    "THR-09: thread pool: a cancel between the call and its await reaches the queued call, too",
    "[executor]") {
    weft::run({.workers = 1, .max_spares = 0}, [] {
        thread_pool_executor pool({.max_workers = 1});
        gate g;
        auto running = pool.submit([&] { g.pass(); });
        std::atomic<bool> ran{false};
        auto waiter = weft::create_task([&] {
            auto call = weft::run_in_executor(pool, [&, life = counted()] { ran = true; });
            weft::current_task().cancel();
            weft::await(call);
        });
        CHECK_THROWS_AS(weft::await(waiter), weft::cancelled_error);
        CHECK(counted::alive == 0);
        g.open();
        weft::await(running);
        pool.shutdown();
        CHECK_FALSE(ran);
    });
}

TEST_CASE("THR-10: thread pool: cancel of a call that runs ends its future at once; its result is "
          "dropped",
          "[executor]") {
    over_workers([] {
        thread_pool_executor pool;
        gate g;
        std::atomic<int> ended{0};
        auto f = pool.submit([&] {
            g.pass();
            ++ended;
            return counted();
        });
        auto waiter = weft::create_task([&] {
            return weft::await(weft::run_in_executor(pool, [&] {
                g.pass();
                ++ended;
                return 1;
            }));
        });
        weft::await(weft::run_in_executor([&] { g.await_waiting(2); }));
        CHECK(f.cancel("too late"));
        CHECK(f.cancelled());
        CHECK_THROWS_AS(f.get(), weft::cancelled_error);
        CHECK(waiter.cancel("its waiter goes"));
        CHECK_THROWS_AS(weft::await(waiter), weft::cancelled_error);
        CHECK(ended == 0);
        g.open();
        pool.shutdown();
        CHECK(ended == 2); // both ran to their end
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("THR-07 THR-08: thread pool: shutdown lets queued calls run, or cancels them; then it "
          "takes no more",
          "[executor]") {
    over_workers([] {
        std::atomic<int> ran{0};
        {
            thread_pool_executor pool({.max_workers = 1});
            for (int i = 0; i < 10; ++i) static_cast<void>(pool.submit([&] { ++ran; }));
            pool.shutdown();
            CHECK(ran == 10);
            CHECK(pool.threads() == 0);
            CHECK_THROWS_AS(pool.submit([] {}), weft::runtime_closed);
            CHECK_THROWS_AS(weft::run_in_executor(pool, [] {}), weft::runtime_closed);
            pool.shutdown();
        }
        thread_pool_executor pool({.max_workers = 1});
        gate g;
        auto running = pool.submit([&] {
            g.pass();
            ++ran;
        });
        weft::await(weft::run_in_executor([&] { g.await_waiting(1); }));
        auto queued = pool.submit([&] { ++ran; });
        pool.shutdown({.wait = false, .cancel_futures = true});
        CHECK(queued.cancelled());
        CHECK_FALSE(running.done());
        g.open();
        weft::await(running);
        CHECK(ran == 11);
    });
}

TEST_CASE("THR-06: thread pool: its destructor waits for the calls", "[executor]") {
    over_workers([] {
        std::atomic<int> ran{0};
        gate g;
        weft::task<void> opens;
        {
            thread_pool_executor pool({.max_workers = 2});
            for (int i = 0; i < 20; ++i)
                static_cast<void>(pool.submit([&] {
                    g.pass();
                    ++ran;
                }));
            // The destructor suspends: with one worker this task has its turn meanwhile.
            opens = weft::create_task([&] { g.open(); });
        }
        CHECK(ran == 20);
        weft::await(opens);
    });
}

TEST_CASE("thread pool: each thread begins with the initializer and bears the prefix",
          "[executor]") {
    over_workers([] {
        std::atomic<int> initialized{0};
        thread_pool_executor pool({.max_workers = 3,
                                   .thread_name_prefix = "a-very-long-prefix",
                                   .initializer = [&] { ++initialized; }});
        gate g;
        std::vector<weft::future<std::string>> names;
        for (int i = 0; i < 3; ++i)
            names.push_back(pool.submit([&] {
                g.pass();
                char name[16] = "";
                pthread_getname_np(pthread_self(), name, sizeof name);
                return std::string(name);
            }));
        weft::await(weft::run_in_executor([&] { g.await_waiting(3); }));
        g.open();
        for (auto& n : names)
            CHECK_THAT(weft::await(n),
                       Catch::StartsWith("a-very-long-p") || Catch::StartsWith("a-very-long-"));
        CHECK(initialized == 3);
    });
}

TEST_CASE("THR-12: thread pool: an initializer that throws breaks the pool, and every call says so",
          "[executor]") {
    over_workers([] {
        thread_pool_executor pool(
            {.max_workers = 1, .initializer = [] { throw std::runtime_error("no licence"); }});
        auto f = pool.submit([] { return 1; });
        try {
            weft::await(f);
            FAIL("it ran");
        } catch (const weft::broken_executor& e) {
            CHECK_THAT(e.what(), Catch::Contains("no licence"));
        }
        CHECK_THROWS_AS(pool.submit([] {}), weft::broken_executor);
    });
}

TEST_CASE("THR-11: thread pool: a pool without threads is refused", "[executor]") {
    CHECK_THROWS_AS(thread_pool_executor({.max_workers = 0}), std::invalid_argument);
    CHECK(thread_pool_executor().max_workers() ==
          64); // calls that block: their number says nothing of cores
}

TEST_CASE("thread pool: its own thread can't wait for its shutdown", "[executor]") {
    over_workers([] {
        thread_pool_executor pool;
        CHECK_THROWS_AS(weft::await(pool.submit([&] { pool.shutdown(); })), weft::would_deadlock);
        weft::await(pool.submit([&] { pool.shutdown({.wait = false}); }));
    });
}

TEST_CASE("thread pool: its threads may wait for tasks and for other pools", "[executor]") {
    over_workers([] {
        thread_pool_executor a({.max_workers = 1}), b({.max_workers = 1});
        auto slow = weft::create_task([] {
            weft::sleep_for(1ms);
            return 5;
        });
        CHECK(weft::await(
                  a.submit([&] { return slow.get() + b.submit([] { return 2; }).get(); })) == 7);
    });
}

TEST_CASE("THR-01: run_in_executor: the default pool belongs to the runtime, and ends with it",
          "[executor]") {
    leak_fixture nothing_leaks;
    std::atomic<int> ran{0};
    weft::run({.workers = 1, .max_spares = 0}, [&] {
        const auto worker = std::this_thread::get_id();
        const auto [thread, process] = weft::await(
            weft::run_in_executor([] { return std::pair(std::this_thread::get_id(), getpid()); }));
        CHECK(thread != worker);
        CHECK(process == getpid());
        for (int i = 0; i < 8; ++i) static_cast<void>(weft::run_in_executor([&] { ++ran; }));
    });
    CHECK(ran == 8);
    CHECK_THROWS_AS(weft::run_in_executor([] {}), std::logic_error);
}

TEST_CASE("run_in_executor: an exception that nobody takes is reported to the runtime's handler",
          "[executor]") {
    leak_fixture nothing_leaks;
    std::mutex m;
    std::vector<std::string> reports;
    const auto handler = [&](const weft::exception_context& c) {
        const std::lock_guard guard(m);
        reports.push_back(weft::describe(c.exception));
    };
    weft::run({.workers = 2, .exception_handler = handler}, [] {
        static_cast<void>(weft::run_in_executor([] { throw std::runtime_error("lost"); }));
    });
    REQUIRE(reports.size() == 1);
    CHECK_THAT(reports[0], Catch::Contains("lost"));
}

TEST_CASE("executor: a user's own pool becomes one by post", "[executor]") {
    struct threads : weft::executor {
        std::vector<std::thread> all;
        bool refuse = false, lose = false;
        ~threads() override {
            for (auto& t : all) t.join();
        }
        void post(weft::job j) override {
            if (refuse) throw std::runtime_error("full");
            if (!lose) all.emplace_back([j = std::move(j)]() mutable { j(); });
        }
    };
    over_workers([] {
        threads mine;
        CHECK(weft::await(weft::run_in_executor(mine, [] { return 3; })) == 3);
        mine.post(weft::job([] {}));
        mine.lose = true;
        CHECK_THROWS_AS(weft::await(weft::run_in_executor(mine, [] { return 3; })),
                        weft::cancelled_error);
        mine.refuse = true;
        CHECK_THROWS_WITH(weft::run_in_executor(mine, [life = counted()] {}), "full");
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("thread pool: many calls from many tasks all come back", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 4, .idle_timeout = 1ms});
        std::vector<weft::task<int>> tasks;
        for (int i = 0; i < 50; ++i)
            tasks.push_back(weft::create_task([&pool, i] {
                int sum = 0;
                for (int j = 0; j < 20; ++j)
                    sum += weft::await(pool.submit([i, j] { return i * j; }));
                return sum;
            }));
        int total = 0;
        for (auto& t : tasks) total += weft::await(t);
        CHECK(total == 190 * 1225);
    });
}
