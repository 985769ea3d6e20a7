// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <set>
#include <string>
#include <thread>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::testing::counted;
using weft::testing::in_virtual_time;
using weft::testing::many;
using weft::testing::over_workers;

namespace {

// Noinline: a function that asks for errno's address twice may keep the first answer over a wait, and that is another thread's
// then (__errno_location is declared const).
[[gnu::noinline]] void set_errno(int value) { errno = value; }
[[gnu::noinline]] int get_errno() { return errno; }

} // namespace

TEST_CASE("RUN-01: task: run gives the result of its main task, or throws its exception",
          "[task]") {
    CHECK(weft::run([] { return 42; }) == 42);
    CHECK_THROWS_WITH(weft::run([] { throw std::runtime_error("no"); }), "no");
    weft::run([] {});
}

TEST_CASE("RUN-04 LOOP-19: task: run inside a task is refused and the task goes on", "[task]") {
    over_workers([] {
        CHECK_THROWS_AS(weft::run([] {}), std::logic_error);
        CHECK(weft::await(weft::create_task([] { return 1; })) == 1);
    });
}

TEST_CASE("task: create_task without a runtime is a logic_error", "[task]") {
    CHECK_THROWS_AS(weft::create_task([] {}), std::logic_error);
    CHECK_THROWS_AS(weft::current_task(), std::logic_error);
    CHECK_THROWS_AS(weft::all_tasks(), std::logic_error);
}

TEST_CASE("task: arguments are moved in, results are moved out, references come through",
          "[task]") {
    over_workers([] {
        auto boxed = std::make_unique<int>(5);
        auto t = weft::create_task(
            [](std::unique_ptr<int> p, int add) { return std::make_unique<int>(*p + add); },
            std::move(boxed), 2);
        CHECK(*weft::await(std::move(t)) == 7);
        int target = 0;
        weft::await(weft::create_task([](int& x) { x = 3; }, std::ref(target)));
        CHECK(target == 3);
        auto ref = weft::create_task([&target]() -> int& { return target; });
        CHECK(&weft::await(ref) == &target);
    });
}

TEST_CASE("TSK-01 TSK-03: task: the body never runs inside create_task, and with one worker tasks "
          "start in the "
          "order of creation",
          "[task]") {
    in_virtual_time([] {
        std::string log;
        auto a = weft::create_task([&] {
            log += "1";
            weft::yield();
            log += "1";
        });
        auto b = weft::create_task([&] {
            log += "2";
            weft::yield();
            log += "2";
        });
        log += "s";
        weft::await(a);
        weft::await(b);
        CHECK(log == "s1212");
    });
}

TEST_CASE("task: a moved-out result is gone for other handles, a copied one is not", "[task]") {
    over_workers([] {
        auto t = weft::create_task([] { return std::string("value"); });
        CHECK(weft::await(t) == "value");
        CHECK(weft::await(t) == "value");
        auto other = t;
        CHECK(weft::await(std::move(t)) == "value");
        CHECK_THROWS_AS(weft::await(other), weft::invalid_state);
    });
}

TEST_CASE("TSK-02: task: an exception of any type is stored, rethrown to each waiter, and harms no "
          "worker",
          "[task]") {
    over_workers([] {
        auto t = weft::create_task([]() -> int { throw 17; });
        for (int i = 0; i < 2; ++i) {
            int caught = 0;
            try {
                weft::await(t);
            } catch (int e) { caught = e; }
            CHECK(caught == 17);
        }
        CHECK(t.exception() != nullptr);
    });
}

TEST_CASE("TSK-04: task: names are given, default and distinct; ids are distinct", "[task]") {
    over_workers([] {
        auto a = weft::create_task({.name = "one"}, [] { return weft::this_task::name(); });
        auto b = weft::create_task([] {});
        auto c = weft::create_task([] {});
        CHECK(a.name() == "one");
        CHECK(weft::await(a) == "one");
        CHECK(b.name() != c.name());
        CHECK(b.id() != c.id());
        weft::this_task::set_name("renamed");
        CHECK(weft::current_task().name() == "renamed");
        weft::await(b);
        weft::await(c);
    });
}

TEST_CASE("TSK-05: task: current_task is the same before and after every wait", "[task]") {
    over_workers([] {
        std::vector<weft::task<bool>> tasks;
        for (int i = 0; i < 50; ++i)
            tasks.push_back(weft::create_task([] {
                const auto id = weft::this_task::id();
                for (int k = 0; k < 50; ++k) {
                    weft::yield();
                    if (weft::this_task::id() != id) return false;
                }
                return true;
            }));
        for (auto& t : tasks) CHECK(weft::await(t));
    });
}

TEST_CASE(
    "TSK-09 TSK-10 TSK-11: task: a dropped handle does not cancel, and all_tasks lists exactly who "
    "is not done",
    "[task]") {
    over_workers([] {
        weft::promise<void> go;
        auto gate = go.get_future();
        std::atomic<bool> ran{false};
        {
            auto dropped = weft::create_task({.name = "dropped"}, [&, gate] {
                gate.await();
                ran = true;
            });
        }
        std::multiset<std::string> names;
        for (auto& t : weft::all_tasks()) names.insert(t.name());
        CHECK(names == std::multiset<std::string>{"dropped", "main"});
        go.set_value();
        while (!ran) weft::yield();
    });
}

TEST_CASE("TSK-06: task: awaiting oneself is refused", "[task]") {
    over_workers([] {
        weft::task<void> self;
        weft::promise<void> go;
        auto gate = go.get_future();
        self = weft::create_task([&self, gate] {
            gate.await();
            weft::await(self);
        });
        go.set_value();
        CHECK_THROWS_AS(weft::await(self), weft::would_deadlock);
    });
}

TEST_CASE("TSK-15: task: a chain of ten thousand tasks, each awaiting the next, completes",
          "[task]") {
    over_workers([] {
        std::function<int(int)> chain = [&chain](int n) -> int {
            return n == 0 ? 0 : 1 + weft::await(weft::create_task(chain, n - 1));
        };
        CHECK(weft::await(weft::create_task(chain, many(10'000))) == many(10'000));
    });
}

TEST_CASE("task: what a task captured is gone when it is done, also if it never ran", "[task]") {
    over_workers([] {
        weft::await(weft::create_task([c = counted()] { weft::yield(); }));
        auto never = weft::create_task([c = counted()] {});
        never.cancel();
        try {
            weft::await(never);
        } catch (const weft::cancelled_error&) {}
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("TSK-17: task: errno and the exception being handled follow the task over waits",
          "[task]") {
    over_workers([] {
        std::vector<weft::task<bool>> tasks;
        for (int i = 1; i <= 20; ++i)
            tasks.push_back(weft::create_task([i] {
                try {
                    throw i;
                } catch (int mine) {
                    for (int k = 0; k < 20; ++k) {
                        set_errno(i);
                        weft::yield();
                        if (get_errno() != i) return false;
                    }
                    try {
                        throw;
                    } catch (int again) { return again == mine && mine == i; }
                }
            }));
        for (auto& t : tasks) CHECK(weft::await(t));
    });
}

TEST_CASE("LOOP-06: task: sleeps end in the order of their deadlines, equal ones in the order they "
          "began, "
          "never early",
          "[task]") {
    in_virtual_time([] {
        std::string log;
        std::vector<weft::task<void>> tasks;
        const auto start = weft::clock::now();
        for (auto [name, ms] : {std::pair{'c', 30}, {'a', 10}, {'d', 30}, {'b', 20}})
            tasks.push_back(weft::create_task([&log, name = name, ms = ms, start] {
                weft::sleep_for(std::chrono::milliseconds(ms));
                log += name;
                log += weft::clock::now() - start == std::chrono::milliseconds(ms) ? '=' : '!';
            }));
        for (auto& t : tasks) weft::await(t);
        CHECK(log == "a=b=c=d=");
    });
}

TEST_CASE("task: twenty thousand timers fire, none early", "[task]") {
    over_workers([] {
        std::atomic<int> early{0}, fired{0};
        {
            weft::task_group g;
            for (int i = 0; i < many(20'000); ++i)
                g.create_task([&, i] {
                    const auto nap = std::chrono::microseconds((i * 7919) % 50'000);
                    const auto start = std::chrono::steady_clock::now();
                    weft::sleep_for(nap);
                    if (std::chrono::steady_clock::now() - start < nap) ++early;
                    ++fired;
                });
            g.join();
        }
        CHECK(early == 0);
        CHECK(fired == many(20'000));
    });
}

TEST_CASE("FUT-14: task: an exception that nobody takes is reported once, with the task's name",
          "[task]") {
    std::vector<std::string> reports;
    weft::runtime_options o;
    o.workers = 2;
    o.exception_handler = [&reports](const weft::exception_context& c) {
        reports.push_back(c.task_name + "/" + weft::describe(c.exception));
    };
    weft::run(o, [] {
        auto seen = weft::create_task([] { throw std::runtime_error("seen"); });
        CHECK_THROWS_AS(weft::await(seen), std::runtime_error);
        auto lost = weft::create_task({.name = "lost"}, [] { throw std::runtime_error("unseen"); });
        while (!lost.done()) weft::yield();
    });
    REQUIRE(reports.size() == 1);
    CHECK(reports[0] == "lost/std::runtime_error: unseen");
}

TEST_CASE("task: a stack of its own size is given and returned", "[task]") {
    over_workers([] {
        auto deep = weft::create_task({.stack_size = 8 << 20}, [] {
            volatile char big[4 << 20];
            big[0] = 1;
            big[sizeof big - 1] = 2;
            weft::yield();
            return big[0] + big[sizeof big - 1];
        });
        CHECK(weft::await(deep) == 3);
    });
}

TEST_CASE("TSK-12: task: plain threads wait for tasks, and may give up waiting", "[task]") {
    weft::runtime rt({.workers = 2});
    weft::promise<int> p;
    auto t = rt.spawn([f = p.get_future()] { return f.await(); });
    CHECK(t.wait_for(1ms) == std::future_status::timeout);
    std::thread setter([&p] { p.set_value(5); });
    CHECK(t.get() == 5);
    CHECK(t.wait_for(0s) == std::future_status::ready);
    setter.join();
}

TEST_CASE("task: a stack size that can't be is refused at create_task", "[task]") {
    over_workers([] {
        CHECK_THROWS_AS(weft::create_task({.stack_size = ~std::size_t{0}}, [] {}),
                        std::invalid_argument);
        CHECK(weft::all_tasks().size() == 1);
    });
}
