// SPDX-License-Identifier: Apache-2.0
// What concurrent.futures promises of a pool of threads, beyond the basics of thread_pool_test.cpp.
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
using weft::testing::many;
using weft::testing::over_workers;

TEST_CASE("THR-03: calls that block overlap, and tasks and timers go on meanwhile", "[executor]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U);
    weft::run({.workers = workers, .max_spares = 0}, [] {
        gate g;
        std::vector<weft::future<void>> downloads;
        for (int i = 0; i < 3; ++i) downloads.push_back(weft::run_in_executor([&] { g.pass(); }));
        weft::await(weft::run_in_executor([&] { g.await_waiting(3); })); // all at the same time
        int ticks = 0;
        auto ticker = weft::create_task([&] {
            for (; ticks < 5; ++ticks) weft::sleep_for(1ms);
        });
        weft::await(ticker);
        CHECK(ticks == 5);
        for (auto& d : downloads) CHECK_FALSE(d.done());
        g.open();
        for (auto& d : downloads) weft::await(d);
    });
}

TEST_CASE("THR-05: calls one after another reuse idle threads", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 64});
        for (int i = 0; i < 60; ++i) {
            weft::await(pool.submit([] {}));
            weft::sleep_for(100us);
        }
        // A thread that has just set its result is not idle yet; one of an earlier call is.
        CHECK(pool.threads() < 60);
    });
}

TEST_CASE("THR-13: an idle pool keeps nothing of the calls it ran", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 1});
        weft::await(
            pool.submit([life = counted()](const counted&) { return counted(); }, counted()));
        while (counted::alive != 0) weft::yield(); // the thread may be on its way out of the call
        CHECK(pool.threads() == 1);
    });
}

TEST_CASE(
    "THR-14: a call's done callbacks run once each, also those added when it is done; one that "
    "throws is reported, and the others still run",
    "[executor]") {
    leak_fixture nothing_leaks;
    std::atomic<int> reports{0};
    weft::run({.workers = 2, .exception_handler = [&](const auto&) { ++reports; }}, [&] {
        thread_pool_executor pool;
        gate g;
        auto f = pool.submit([&] {
            g.pass();
            return 3;
        });
        std::atomic<int> sum{0}, calls{0};
        std::atomic<bool> on_the_loop{true};
        f.add_done_callback([&] {
            on_the_loop = weft::metrics().live_tasks > 0; // throws outside of the runtime
            ++calls;
        });
        f.add_done_callback([&] {
            ++calls;
            throw std::runtime_error("callback");
        });
        f.add_done_callback([&](weft::future<int> r) {
            sum += r.result();
            ++calls;
        });
        CHECK(calls == 0);
        g.open();
        CHECK(weft::await(f) == 3);
        while (calls < 3) weft::yield();
        f.add_done_callback([&] { ++calls; });
        while (calls < 4) weft::yield();
        CHECK(sum == 3);
        CHECK(on_the_loop);
    });
    CHECK(reports == 1);
}

TEST_CASE(
    "THR-15: a plain thread that waits with a limit is told of the time-out, and the call goes "
    "on unharmed",
    "[executor]") {
    leak_fixture nothing_leaks;
    thread_pool_executor pool;
    gate g;
    auto f = pool.submit([&] {
        g.pass();
        return 4;
    });
    CHECK(f.wait_for(1ms) == std::future_status::timeout);
    CHECK_FALSE(f.done());
    CHECK_THROWS_AS(f.result(), weft::invalid_state);
    g.open();
    CHECK(f.wait_for(weft::testing::k_max_test_wait) == std::future_status::ready);
    CHECK(f.get() == 4);
}

TEST_CASE("THR-18: calls that block occupy no worker, and may spawn tasks and wait for them",
          "[executor]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U);
    weft::runtime rt({.workers = workers, .max_spares = 0});
    rt.block_on([&] {
        thread_pool_executor pool({.max_workers = 64});
        gate g;
        std::vector<weft::future<int>> calls;
        for (int i = 0; i < 64; ++i)
            calls.push_back(pool.submit([&, i] {
                g.pass();
                return rt
                    .spawn([i] {
                        weft::yield();
                        return i;
                    })
                    .get();
            }));
        weft::await(weft::run_in_executor([&] { g.await_waiting(64); }));
        long sum = 0;
        for (int i = 0; i < 100; ++i) sum += weft::await(weft::create_task([i] { return i; }));
        CHECK(sum == 4950); // while all of them block
        g.open();
        int total = 0;
        for (auto& c : calls) total += weft::await(c);
        CHECK(total == 63 * 32);
    });
}

TEST_CASE("WRP-02: a future of ours is wrapped as itself", "[executor]") {
    weft::promise<int> p;
    weft::future<int> f = p.get_future();
    CHECK(weft::wrap_future(f).core() == f.core());
    p.set_value(1);
}

TEST_CASE(
    "WRP-04: the wrapped one completes and the wrapper is cancelled: the wrapped one keeps its "
    "value, and nobody is told of an error",
    "[executor]") {
    leak_fixture nothing_leaks;
    std::atomic<int> reports{0};
    weft::run({.workers = 2, .exception_handler = [&](const auto&) { ++reports; }}, [&] {
        for (int round = 0; round < many(200); ++round) {
            std::promise<int> p;
            const std::shared_future<int> inner = p.get_future().share();
            auto wrapper = weft::wrap_future(inner);
            p.set_value(round);
            const bool cancelled = wrapper.cancel(); // before or after the wrapper is told
            CHECK(cancelled == wrapper.cancelled());
            if (!cancelled) CHECK(weft::await(wrapper) == round);
            CHECK(inner.get() == round);
        }
    });
    CHECK(reports == 0);
}

TEST_CASE("WRP-05: a call that completes after its caller's runtime has ended touches nothing",
          "[executor]") {
    leak_fixture nothing_leaks;
    thread_pool_executor pool({.max_workers = 2});
    gate g;
    weft::future<counted> kept;
    weft::task<void> waiter;
    weft::run({.workers = 2}, [&] {
        kept = pool.submit([&] {
            g.pass();
            return counted();
        });
        kept.add_done_callback([life = counted()] {});
        waiter = weft::create_task(
            [&] { weft::await(weft::run_in_executor(pool, [&, life = counted()] { g.pass(); })); });
        weft::await(weft::run_in_executor([&] { g.await_waiting(2); }));
    });
    CHECK(waiter.cancelled());
    CHECK_FALSE(kept.done());
    g.open();
    pool.shutdown();
    CHECK(kept.done());
    kept = {};
    waiter = {};
    CHECK(counted::alive == 0);
}

TEST_CASE(
    "WRP-06: get suspends a task and blocks a plain thread, never a worker; it may have a limit",
    "[executor]") {
    leak_fixture nothing_leaks;
    thread_pool_executor pool;
    weft::run({.workers = 1, .max_spares = 0}, [&] {
        gate g;
        auto f = pool.submit([&] {
            g.pass();
            return 5;
        });
        auto opens = weft::create_task([&] {
            const auto before = f.wait_for(1ms);
            g.open(); // while the other one waits: its worker is free for this
            return before;
        });
        CHECK(f.get() == 5);
        CHECK(weft::await(opens) == std::future_status::timeout);
    });
    gate g;
    auto f = pool.submit([&] {
        g.pass();
        return 6;
    });
    std::thread opens([&] { g.open(); });
    CHECK(f.get() == 6);
    opens.join();
}
