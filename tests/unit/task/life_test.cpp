// SPDX-License-Identifier: Apache-2.0
// How runtimes begin, end, and live side by side.
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "support/child.hpp"
#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

TEST_CASE("RUN-02 SHT-01: what is left when main returns is unwound, once each, before run returns",
          "[task]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    std::atomic<int> begun{0}, unwound{0};
    struct cleans_up {
        std::atomic<int>& n;
        ~cleans_up() {
            weft::sleep_for(100us); // clean-up may wait, to its end
            ++n;
        }
    };
    const int result = weft::run({.workers = workers}, [&] {
        for (int i = 0; i < 20; ++i)
            weft::create_task([&, life = counted()] {
                const cleans_up c{unwound};
                ++begun;
                weft::sleep_for(1h);
            });
        while (begun < 20) weft::yield();
        for (int i = 0; i < 5; ++i) weft::create_task([life = counted()] { weft::sleep_for(1h); });
        return 3;
    });
    CHECK(result == 3);
    CHECK(unwound == 20);
    CHECK(counted::alive == 0);
}

TEST_CASE("RUN-03: a leftover that fails while it is cancelled is reported, and main's value is "
          "still returned",
          "[task]") {
    leak_fixture nothing_leaks;
    std::mutex m;
    std::vector<std::string> reports;
    const auto handler = [&](const weft::exception_context& c) {
        const std::lock_guard guard(m);
        reports.push_back(c.task_name + "/" + weft::describe(c.exception));
    };
    const int result = weft::run({.workers = 2, .exception_handler = handler}, [] {
        weft::event begun;
        weft::create_task({.name = "left"}, [&] {
            try {
                begun.set();
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) { throw std::runtime_error("clean-up"); }
        });
        begun.wait();
        return 3;
    });
    CHECK(result == 3);
    CHECK(reports == std::vector<std::string>{"left/std::runtime_error: clean-up"});
}

TEST_CASE("RUN-05: one runtime runs several mains, keeps what is not done between them, and ends "
          "once, however often it is told",
          "[task]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 2});
    weft::event go;
    auto kept = rt.block_on([&] {
        return weft::create_task([&] {
            go.wait();
            return 5;
        });
    });
    CHECK_THROWS_WITH(rt.block_on([] { throw std::runtime_error("no"); }), "no");
    CHECK_FALSE(kept.done());
    CHECK(rt.block_on([&] {
        go.set();
        return weft::await(kept);
    }) == 5);
    CHECK(rt.shutdown(10s).empty());
    CHECK_THROWS_AS(rt.block_on([] {}), weft::runtime_closed);
    CHECK_THROWS_AS(rt.spawn([] {}), weft::runtime_closed);
    CHECK(rt.shutdown(10s).empty());
}

TEST_CASE("RUN-06: runtimes of two threads are independent, and tasks of one await what the other "
          "makes",
          "[task]") {
    leak_fixture nothing_leaks;
    weft::promise<int> to_second, to_first;
    int first = 0, second = 0;
    std::thread other([&] {
        weft::run({.workers = 1}, [&] {
            second = weft::await(to_second.get_future());
            to_first.set_value(second + 1);
            CHECK(weft::all_tasks().size() == 1); // it sees its own alone
        });
    });
    weft::run({.workers = 2}, [&] {
        auto value = weft::create_task([] {
            weft::yield();
            return 7;
        });
        to_second.set_value(weft::await(value));
        first = weft::await(to_first.get_future());
    });
    other.join();
    CHECK(second == 7);
    CHECK(first == 8);
}

TEST_CASE("SHT-02: destructors that wake other tasks while the runtime ends do no harm, in either "
          "order",
          "[task]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    const bool wakers_first = GENERATE(true, false);
    CAPTURE(workers, wakers_first);
    for (int round = 0; round < 20; ++round) {
        weft::event event;
        weft::promise<int> promise;
        weft::channel<int> channel(0);
        weft::mutex mutex;
        std::atomic<int> waiting{0};
        struct wakes_all {
            weft::event& e;
            weft::promise<int>& p;
            weft::channel<int>& c;
            ~wakes_all() {
                e.set();
                static_cast<void>(p.set_value(1));
                c.close();
            }
        };
        weft::run({.workers = workers}, [&] {
            const auto wakers = [&] {
                weft::create_task([&, life = counted()] {
                    const wakes_all w{event, promise, channel};
                    const std::lock_guard held(mutex);
                    ++waiting;
                    weft::sleep_for(1h);
                });
                while (waiting % 4 != 1) weft::yield(); // it holds the mutex
            };
            if (wakers_first)
                wakers();
            else
                waiting = 1;
            weft::create_task([&, life = counted()] {
                ++waiting;
                event.wait();
            });
            weft::create_task([&, life = counted()] {
                ++waiting;
                promise.get_future().await();
            });
            weft::create_task([&, life = counted()] {
                ++waiting;
                channel.recv();
            });
            while (waiting < 4) weft::yield();
            if (!wakers_first) wakers();
            weft::create_task([&, life = counted()] { const std::lock_guard held(mutex); });
            weft::yield();
        });
        REQUIRE(counted::alive == 0);
    }
}

TEST_CASE("SHT-03: threads that spawn and complete while the runtime ends: late calls fail, none "
          "is lost",
          "[task]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    for (int round = 0; round < 5; ++round) {
        std::atomic<int> accepted{0}, refused{0};
        std::atomic<bool> over{false};
        std::vector<weft::promise<int>> promises(static_cast<std::size_t>(many(2000)));
        std::vector<std::thread> threads;
        {
            weft::runtime rt({.workers = workers});
            for (auto& p : promises)
                rt.spawn([f = p.get_future(), life = counted()] { f.await(); });
            for (int t = 0; t < 2; ++t)
                threads.emplace_back([&] {
                    while (!over) {
                        if (counted::alive > 2 * many(2000)) {
                            std::this_thread::yield();
                            continue;
                        }
                        try {
                            rt.spawn([life = counted()] { weft::yield(); });
                            ++accepted;
                        } catch (const weft::runtime_closed&) { ++refused; }
                    }
                });
            threads.emplace_back([&] {
                for (auto& p : promises) static_cast<void>(p.set_value(1));
            });
            while (accepted < 100) std::this_thread::yield();
            CHECK(rt.shutdown(k_max_test_wait).empty());
            const int before = refused;
            while (refused == before) std::this_thread::yield(); // they are still at it
            over = true;
            threads[0].join();
            threads[1].join();
        }
        threads[2].join(); // it may complete what nobody waits for any more
        CHECK(counted::alive == 0);
    }
}

TEST_CASE("SHT-05: a task that shuts its own runtime down gets an error, and harms nothing",
          "[task]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 1});
    CHECK_THROWS_AS(rt.block_on([&] { rt.shutdown(1s); }), std::logic_error);
    CHECK(rt.block_on([] { return 1; }) == 1);
}

TEST_CASE("SHT-05: a task that destroys its own runtime ends the process with a word of why",
          "[task]") {
    constexpr const char* k_now = "WEFT_TEST_DESTROYS_ITS_RUNTIME";
    if (std::getenv(k_now) != nullptr) {
        std::signal(SIGABRT, SIG_DFL); // Catch2's handler writes a report, on a task's stack
        auto rt = std::make_unique<weft::runtime>(weft::runtime_options{.workers = 1});
        rt->block_on([&] { rt.reset(); });
    }
    const auto end = this_test_again(k_now);
    CAPTURE(end.status, end.said);
    CHECK(end.killed_by(SIGABRT));
    CHECK_THAT(end.said, Catch::Contains("destroyed by one of its own tasks"));
}

TEST_CASE("SHT-06: an idle runtime whose last timer is far away ends at once", "[task]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    std::atomic<int> asleep{0};
    weft::runtime rt({.workers = workers});
    for (int i = 0; i < 3; ++i)
        rt.spawn([&] {
            ++asleep;
            weft::sleep_for(1h);
        });
    while (asleep < 3 || weft::metrics(rt).sleeping_workers < workers) std::this_thread::yield();
    CHECK(rt.shutdown(k_max_test_wait).empty()); // none of them slept its hour
}
