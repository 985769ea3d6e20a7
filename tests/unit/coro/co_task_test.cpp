// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <coroutine>
#include <fstream>
#include <numeric>
#include <thread>

#include "support/runtimes.hpp"
#include "unit/greenlet/greenlet_support.hpp"

using namespace std::chrono_literals;
using weft::co_task;
using weft::testing::counted;
using weft::testing::in_virtual_time;
using weft::testing::leak_fixture;
using weft::testing::many;
using weft::testing::over_workers;

namespace {

std::size_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    file >> total >> resident;
    return resident * 4096;
}

co_task<int> value(int x) { co_return x; }
co_task<int> after_sleep(std::chrono::nanoseconds d, int x) {
    co_await weft::co::sleep_for(d);
    co_return x;
}
co_task<long> sum(int n) {
    long s = 0;
    for (int i = 0; i < n; ++i) s += co_await value(i);
    co_return s;
}
co_task<long> fib(int n) {
    if (n < 2) co_return n;
    co_return co_await fib(n - 1) + co_await fib(n - 2);
}
co_task<int> depth(int n) {
    if (n == 0) {
        co_await weft::co::sleep_for(1ms);
        co_return 0;
    }
    co_return 1 + co_await depth(n - 1);
}
co_task<void> parks(weft::event& until) { co_await weft::co::wait(until); }
co_task<void> fails() {
    throw std::runtime_error("why");
    co_return;
}

} // namespace

TEST_CASE("co_task: runs as a call, as a task, and as a child of another one", "[coro]") {
    over_workers([] {
        CHECK(weft::await(value(7)) == 7);
        CHECK(weft::await(weft::create_task(value(8))) == 8);
        CHECK(weft::await(sum(10)) == 45);
        CHECK(weft::await(weft::create_task({.name = "fib"}, fib(15))) == 610);
        auto t = weft::create_task([]() -> co_task<std::string> {
            auto a = weft::create_task(after_sleep(1ms, 1));
            auto b = weft::create_task([] { return 2; });
            co_return std::to_string(co_await a + co_await b + co_await after_sleep(1ms, 3));
        }());
        CHECK(weft::await(t) == "6");
        int target = 0;
        auto ref = [](int& x) -> co_task<int&> { co_return x; };
        CHECK(&weft::await(ref(target)) == &target);
        CHECK(&weft::await(weft::create_task(ref(target))) == &target);
        auto box = []() -> co_task<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
        CHECK(*weft::await(weft::create_task(box())) == 3);
    });
    leak_fixture nothing_leaks;
    CHECK(weft::await(sum(5)) == 10); // on a plain thread, without a runtime
    CHECK(weft::await(after_sleep(1ms, 4)) == 4);
}

TEST_CASE("co_task: nothing runs before it is awaited; one that never ran leaves nothing",
          "[coro]") {
    over_workers([] {
        bool ran = false;
        {
            auto co = [](bool& r, counted) -> co_task<void> {
                r = true;
                co_return;
            }(ran, counted());
            CHECK(co.valid());
        }
        CHECK_FALSE(ran);
        CHECK(counted::alive == 0);
        auto once = value(1);
        CHECK(weft::await(once) == 1);
        CHECK_FALSE(once.valid());
        CHECK_THROWS_AS(weft::await(once), weft::invalid_state);
        CHECK_THROWS_AS(weft::create_task(std::move(once)), weft::invalid_state);
        CHECK_THROWS_AS(weft::create_task({.stack_size = 100'000}, value(1)),
                        std::invalid_argument);
    });
}

TEST_CASE("co_task: exceptions rise through coroutines, tasks and calls", "[coro]") {
    over_workers([] {
        CHECK_THROWS_WITH(weft::await(fails()), "why");
        CHECK_THROWS_WITH(weft::await(weft::create_task(fails())), "why");
        auto caught = []() -> co_task<std::string> {
            try {
                co_await fails();
            } catch (const std::exception& e) { co_return e.what(); }
            co_return "nothing";
        };
        CHECK(weft::await(weft::create_task(caught())) == "why");
        auto of_future = []() -> co_task<int> {
            co_return co_await weft::create_task([]() -> int { throw 7; });
        };
        CHECK_THROWS_AS(weft::await(weft::create_task(of_future())), int);
    });
}

TEST_CASE("co_task: long loops and deep chains need no stack", "[coro]") {
    over_workers([] {
        CHECK(weft::await(weft::create_task(sum(100'000))) == 4999950000);
        CHECK(weft::await(weft::create_task(depth(1000))) == 1000);
    });
}

TEST_CASE("co_task: waits for futures set by tasks, threads and executors", "[coro]") {
    over_workers([] {
        weft::promise<int> p;
        auto t = weft::create_task(
            [](weft::future<int> f) -> co_task<int> { co_return co_await f + 1; }(p.get_future()));
        std::thread setter([&] { p.set_value(4); });
        CHECK(weft::await(t) == 5);
        setter.join();
        auto calls = []() -> co_task<int> {
            int s = 0;
            for (int i = 0; i < 20; ++i)
                s += co_await weft::run_in_executor([](int x) { return x; }, i);
            co_return s;
        };
        CHECK(weft::await(weft::create_task(calls())) == 190);
        auto moved = []() -> co_task<int> {
            auto f = weft::create_task([] { return std::make_unique<int>(5); });
            co_return *co_await std::move(f);
        };
        CHECK(weft::await(weft::create_task(moved())) == 5);
    });
}

TEST_CASE("co_task: sleeps in the order of the deadlines, in virtual time exactly so long",
          "[coro]") {
    in_virtual_time([] {
        std::vector<int> order;
        auto sleeper = [](std::vector<int>& o, int ms) -> co_task<void> {
            co_await weft::co::sleep_for(std::chrono::milliseconds(ms));
            o.push_back(ms);
        };
        const auto begin = weft::clock::now();
        std::vector<weft::task<void>> all;
        for (int ms : {30, 10, 20}) all.push_back(weft::create_task(sleeper(order, ms)));
        for (auto& t : all) weft::await(t);
        CHECK(order == std::vector<int>{10, 20, 30});
        CHECK(weft::clock::now() - begin == 30ms);
    });
}

TEST_CASE("co_task: mutex, semaphore and event are shared with fibers", "[coro]") {
    over_workers([] {
        weft::mutex m;
        weft::counting_semaphore<2> slots(2);
        weft::event go;
        int counter = 0;
        std::atomic<int> inside{0}, most{0};
        auto worker = [&]() -> co_task<void> {
            co_await weft::co::wait(go);
            for (int i = 0; i < 50; ++i) {
                co_await weft::co::acquire(slots);
                const int now = ++inside;
                int seen = most;
                while (now > seen && !most.compare_exchange_weak(seen, now)) {}
                {
                    auto held = co_await weft::co::lock(m);
                    const int before = counter;
                    if (i % 10 == 0) co_await weft::co::sleep_for(10us);
                    counter = before + 1;
                }
                --inside;
                slots.release();
            }
        };
        std::vector<weft::task<void>> all;
        for (int i = 0; i < 8; ++i) all.push_back(weft::create_task(worker()));
        for (int i = 0; i < 4; ++i)
            all.push_back(weft::create_task([&] {
                go.wait();
                for (int k = 0; k < 50; ++k) {
                    const std::lock_guard guard(m);
                    ++counter;
                }
            }));
        weft::yield();
        CHECK(counter == 0);
        go.set();
        for (auto& t : all) weft::await(t);
        CHECK(counter == 12 * 50);
        CHECK(most <= 2);
    });
}

TEST_CASE("co_task: channels carry values between coroutines, fibers and threads", "[coro]") {
    over_workers([] {
        for (std::size_t capacity : {0, 1, 16}) {
            weft::channel<std::string> c(capacity);
            auto producer = [](weft::channel<std::string>& to, int n) -> co_task<void> {
                for (int i = 0; i < n; ++i) co_await weft::co::send(to, std::to_string(i));
            };
            auto consumer = [](weft::channel<std::string>& from) -> co_task<long> {
                long s = 0;
                while (auto x = co_await weft::co::recv(from)) s += std::stol(*x);
                co_return s;
            };
            auto a = weft::create_task(producer(c, 200));
            auto b = weft::create_task([&] {
                for (int i = 0; i < 200; ++i) c.send(std::to_string(i));
            });
            auto x = weft::create_task(consumer(c));
            auto y = weft::create_task([&] {
                long s = 0;
                for (auto& text : c) s += std::stol(text);
                return s;
            });
            weft::await(a);
            weft::await(b);
            c.close();
            CHECK(weft::await(x) + weft::await(y) == 2L * 199 * 100);
            CHECK_THROWS_AS(weft::await(weft::create_task(producer(c, 1))), weft::channel_closed);
        }
    });
}

TEST_CASE("co_task: a cancel ends its wait, whatever that is", "[coro]") {
    over_workers([] {
        weft::mutex m;
        m.lock();
        weft::counting_semaphore<1> none(0);
        weft::event never;
        weft::channel<int> empty(1), full(0);
        weft::promise<int> unset;
        const auto f = unset.get_future();
        const auto waiters = [&](int kind) -> co_task<void> {
            const counted life;
            switch (kind) {
            case 0: co_await weft::co::lock(m); break;
            case 1: co_await weft::co::acquire(none); break;
            case 2: co_await weft::co::wait(never); break;
            case 3: co_await weft::co::recv(empty); break;
            case 4: co_await weft::co::send(full, 1); break;
            case 5: co_await weft::co::sleep_for(1h); break;
            case 6: co_await f; break;
            case 7: co_await after_sleep(1h, 1); break;
            case 8: weft::sleep_for(1h); break; // with its stack
            default: co_await weft::create_task([] { weft::sleep_for(1h); });
            }
        };
        for (const bool at_once : {false, true})
            for (int kind = 0; kind < 10; ++kind) {
                auto t = weft::create_task(waiters(kind));
                if (!at_once) weft::sleep_for(200us);
                CHECK(t.cancel("enough"));
                try {
                    weft::await(t);
                    FAIL("it ended");
                } catch (const weft::cancelled_error& e) {
                    CHECK(e.what() == std::string("enough"));
                }
                CHECK(counted::alive == 0);
            }
        m.unlock();
        CHECK(weft::await(weft::create_task([](weft::mutex& x) -> co_task<bool> {
            auto held = co_await weft::co::lock(x);
            co_return held.owns_lock();
        }(m))));
    });
}

TEST_CASE("co_task: wake-ups that race with the suspension are not lost", "[coro]") {
    over_workers([] {
        for (int round = 0; round < many(2000); ++round) {
            weft::promise<int> p;
            auto t = weft::create_task(
                [](weft::future<int> f) -> co_task<int> { co_return co_await f; }(p.get_future()));
            auto setter = weft::create_task([&] { p.set_value(round); });
            if (round % 4 == 0) {
                t.cancel();
                try {
                    const int seen = weft::await(t);
                    CHECK(seen == round);
                } catch (const weft::cancelled_error&) {}
            } else {
                CHECK(weft::await(t) == round);
            }
            weft::await(setter);
        }
    });
}

TEST_CASE("co_task: a parked one costs its block and its frame", "[coro]") {
    if (weft::detail::k_asan || weft::detail::k_tsan) return; // their own memory is in the way
    leak_fixture nothing_leaks;
    weft::run({.workers = 1}, [] {
        constexpr std::size_t k_tasks = 400'000;
        const auto parked_bytes = [&] {
            weft::event go;
            std::vector<weft::task<void>> all;
            all.reserve(k_tasks);
            const std::size_t before = resident_bytes();
            for (std::size_t i = 0; i < k_tasks; ++i) all.push_back(weft::create_task(parks(go)));
            weft::yield(); // the only worker has run all that was ready
            const std::size_t bytes = resident_bytes() - before;
            go.set();
            for (auto& t : all) weft::await(t);
            return bytes;
        };
        // The block, in the allocator's size of 192, a frame of 112, a handle of 8, and pages that are begun. Its next size would
        // be 224.
        CHECK(parked_bytes() / k_tasks < 350);
    });
}

TEST_CASE("co_task: context variables are the task's, in all its coroutines and after each wait",
          "[coro]") {
    static weft::task_local<std::string> name("none");
    over_workers([] {
        name.set("creator");
        const auto inner = [](std::string set) -> co_task<std::string> {
            std::string seen = name.get();
            co_await weft::co::sleep_for(10us);
            if (!set.empty()) name.set(set);
            co_await weft::create_task([] { name.set("another task's"); });
            co_return seen + ">" + name.get();
        };
        const auto outer = [&](std::string mine) -> co_task<std::string> {
            const std::string inherited = name.get();
            name.set(mine);
            const std::string below = co_await inner("inner of " + mine);
            auto child = weft::create_task(inner({}));
            name.set("later");
            co_return inherited + "|" + below + "|" + co_await child + "|" + name.get();
        };
        std::vector<weft::task<std::string>> all;
        for (int i = 0; i < 20; ++i)
            all.push_back(weft::create_task(outer("task " + std::to_string(i))));
        name.set("changed");
        for (int i = 0; i < 20; ++i) {
            const std::string mine = "task " + std::to_string(i);
            CHECK(weft::await(all[static_cast<std::size_t>(i)]) ==
                  "creator|" + mine + ">inner of " + mine + "|inner of " + mine + ">inner of " +
                      mine + "|later");
        }
        CHECK(name.get() == "changed");
        CHECK(weft::await(inner("set by a call")) == "changed>set by a call");
        CHECK(name.get() == "set by a call"); // a call runs in its caller's context
    });
}

TEST_CASE("co_task: what its context variables hold is gone when its result is there", "[coro]") {
    static weft::task_local<std::shared_ptr<counted>> held;
    over_workers([] {
        const auto holds = []() -> co_task<void> {
            held.set(std::make_shared<counted>());
            co_await weft::co::sleep_for(1us);
        };
        for (int i = 0; i < 50; ++i) {
            weft::await(weft::create_task(holds()));
            CHECK(counted::alive == 0);
        }
    });
}

TEST_CASE("co_task: with a generator or greenlet it waits as well, and they go with it", "[coro]") {
    weft::testing::warm_up_stacks();
    over_workers([] {
        const auto sums = []() -> co_task<int> {
            weft::generator<int> numbers([guard = counted()](auto& yield) {
                for (int i = 1;; ++i) {
                    weft::sleep_for(1us);
                    yield(i);
                }
            });
            int sum = 0;
            for (int i = 0; i < 10; ++i) {
                sum += *numbers.next();
                co_await weft::co::sleep_for(1us);
                co_await weft::create_task(value(0));
            }
            co_return sum;
        };
        std::vector<weft::task<int>> all;
        for (int i = 0; i < 20; ++i) all.push_back(weft::create_task(sums()));
        for (auto& t : all) CHECK(weft::await(t) == 55);
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("co_task: inside a fiber's call it waits with the fiber's stack, also below a coroutine",
          "[coro]") {
    over_workers([] {
        auto outer = []() -> co_task<int> {
            const int a =
                weft::await(after_sleep(1ms, 1)); // an ordinary call that runs a coroutine
            const int b = co_await after_sleep(1ms, 2);
            weft::sleep_for(1ms);
            co_return a + b + weft::await(weft::create_task(after_sleep(1ms, 3)));
        };
        CHECK(weft::await(weft::create_task(outer())) == 6);
        CHECK(weft::await(outer()) == 6);
    });
}

namespace {

/// An awaitable that knows nothing of weft: it resumes on a thread of its own.
struct on_new_thread {
    int result;
    std::thread* thread;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) {
        std::thread& t = *thread; // this may be gone once it runs
        t = std::thread([h] { h.resume(); });
    }
    int await_resume() const {
        if (result < 0) throw std::runtime_error("negative");
        return result;
    }
};
struct with_operator {
    on_new_thread inner;
    on_new_thread operator co_await() const { return inner; }
};

} // namespace

TEST_CASE("foreign awaitables: awaited from fibers, threads and coroutines; all go on at home",
          "[coro]") {
    over_workers([] {
        std::thread t;
        CHECK(weft::await(on_new_thread{5, &t}) == 5);
        t.join();
        CHECK(weft::await(with_operator{{6, &t}}) == 6);
        t.join();
        CHECK_THROWS_WITH(weft::await(on_new_thread{-1, &t}), "negative");
        t.join();
        auto co = [](std::thread& thread) -> co_task<bool> {
            const int x = co_await on_new_thread{7, &thread};
            co_return x == 7 && weft::current_task().valid(); // throws outside a task
        };
        CHECK(weft::await(weft::create_task(co(t))));
        t.join();
        CHECK_NOTHROW(weft::await(std::suspend_never{}));
    });
    leak_fixture nothing_leaks;
    std::thread t;
    CHECK(weft::await(on_new_thread{5, &t}) == 5);
    t.join();
}
