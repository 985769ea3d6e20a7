// SPDX-License-Identifier: Apache-2.0
// Where calls run and where their callers go on, whatever the executor.
#include <thread>

#include "support/child.hpp"
#include "support/gate.hpp"
#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::thread_pool_executor;
using weft::testing::counted;
using weft::testing::gate;
using weft::testing::leak_fixture;
using weft::testing::over_workers;

TEST_CASE("run_in_executor: the call runs, whether or not anybody awaits it", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 1});
        std::atomic<int> ran{0};
        static_cast<void>(weft::run_in_executor(pool, [&] { ++ran; })); // the future is dropped
        auto kept = weft::run_in_executor(pool, [&] { ++ran; });
        pool.shutdown();
        CHECK(ran == 2);
        CHECK(kept.done());
    });
}

TEST_CASE("run_in_executor: whoever awaits goes on at home, never on the executor's thread",
          "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 4});
        std::vector<weft::task<bool>> all;
        for (int i = 0; i < 50; ++i)
            all.push_back(weft::create_task([&] {
                const auto there = weft::await(pool.submit(std::this_thread::get_id));
                return there != std::this_thread::get_id() && weft::current_task().valid();
            }));
        all.push_back(weft::create_task([](thread_pool_executor& p) -> weft::co_task<bool> {
            const auto there = co_await p.submit(std::this_thread::get_id);
            co_return there != std::this_thread::get_id() && weft::current_task().valid();
        }(pool)));
        for (auto& t : all) CHECK(weft::await(t));
    });
}

TEST_CASE("run_in_executor: a call whose caller's limit has passed goes on, and keeps its thread",
          "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 1});
        gate g;
        std::atomic<bool> ended{false};
        auto call = pool.submit([&] {
            g.pass();
            ended = true;
        });
        weft::await(weft::run_in_executor([&] { g.await_waiting(1); }));
        CHECK_THROWS_AS(weft::wait_for(1ms, call), weft::timeout_error);
        CHECK(call.cancelled());
        CHECK_FALSE(ended);
        auto next = pool.submit([] { return 1; });
        CHECK(pool.queued() == 1);
        g.open();
        CHECK(weft::await(next) == 1);
        CHECK(ended);
    });
}

TEST_CASE("executor: a call that a user's own pool fails ends with that error, and never runs",
          "[executor]") {
    struct broken final : weft::executor {
        void post(weft::job j) override {
            j.fail(std::make_exception_ptr(std::runtime_error("no room there")));
        }
    };
    over_workers([] {
        broken pool;
        auto call = weft::run_in_executor(pool, [life = counted()] { FAIL("it ran"); });
        CHECK(counted::alive == 0);
        CHECK_THROWS_WITH(weft::await(call), "no room there");
    });
}

TEST_CASE("thread pool: a forked child is refused, and leaves the parent's pool alone",
          "[executor]") {
    leak_fixture nothing_leaks;
    auto pool = std::make_unique<thread_pool_executor>(weft::thread_pool_options{.max_workers = 1});
    CHECK(pool->submit([] { return 1; }).get() == 1);
    const auto end = weft::testing::in_child([&] {
        try {
            static_cast<void>(pool->submit([] {}));
        } catch (const std::logic_error&) {
            pool.reset(); // waits for no thread: there is none
            return 42;
        }
        return 1;
    });
    CHECK(end.exited_with(42));
    CHECK(pool->submit([] { return 2; }).get() == 2);
}
