// SPDX-License-Identifier: Apache-2.0
// event_loop: its runs, its end, its one thread.
#include <csignal>
#include <thread>

#include "loop/loop_core.hpp"
#include "support/party.hpp"
#include "unit/loop/loop_support.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;
using weft::event_loop;

TEST_CASE("LOOP-16: run_until_complete gives the value or throws the exception of a callable, "
          "coroutine, task or future",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    const auto caller = std::this_thread::get_id();
    CHECK(l.run_until_complete([&] { return std::this_thread::get_id() == caller; }));
    CHECK(l.run_until_complete(weft::coroutine([](int x) { return x + 1; }, 41)) == 42);
    CHECK(l.run_until_complete([](int x) -> weft::co_task<int> { co_return x + 1; }(42)) == 43);
    CHECK_THROWS_AS(l.run_until_complete([] { throw std::out_of_range("x"); }), std::out_of_range);
    const auto task = l.create_task(
        {.name = "t"}, [](int x) { return x; }, 7);
    CHECK(l.run_until_complete(task) == 7);
    CHECK(l.run_until_complete(task) == 7); // done already
    CHECK(*l.run_until_complete(l.create_task([] { return std::make_unique<int>(3); })) == 3);

    auto p = l.create_future<int>();
    l.call_soon([&] { p.set_value(5); });
    CHECK(l.run_until_complete(p.get_future()) == 5);
    auto cancelled = l.create_future<int>();
    l.call_soon([&] { cancelled.set_cancelled("why"); });
    CHECK_THROWS_AS(l.run_until_complete(cancelled.get_future()), weft::cancelled_error);

    auto from_outside = l.create_future<int>();
    std::thread setter([&] {
        if (eventually([&] { return l.core().runtime().sched().sleeping_workers() == 1; }))
            from_outside.set_value(6);
    });
    CHECK(l.run_until_complete(from_outside.get_future()) == 6);
    setter.join();
}

TEST_CASE("LOOP-17: a run ends when its task does; the others stay pending and go on in the next",
          "[loop]") {
    leak_fixture nothing_leaks;
    notes log;
    auto waits_between = [&](const char* before, const char* after) {
        return [&log, before, after] {
            log(before);
            weft::sleep_for(2s);
            log(after);
        };
    };
    { // three of them, one after the other: all are through
        timeless_loop l;
        l.create_task(waits_between("1", "2"));
        l.create_task(waits_between("3", "4"));
        l.run_until_complete(waits_between("1", "2"));
        CHECK(log.take() == "1 3 1 2 4 2");
    }
    timeless_loop l;
    auto slow = l.create_task(waits_between("slow", "slow'"));
    l.run_until_complete([&] {
        log("a");
        weft::sleep_for(1s);
        log("b");
    });
    CHECK(log.take() == "slow a b");
    CHECK_FALSE(slow.done());
    l.run_until_complete([&] { log("c"); });
    CHECK(log.take() == "c");
    l.run_until_complete(slow);
    CHECK(log.take() == "slow'");
}

TEST_CASE("LOOP-17: runs on different threads, one after the other", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    weft::promise<int> p;
    auto waits = l.create_task([f = p.get_future()] { return f.get(); });
    run_turns(l);
    std::thread::id elsewhere;
    std::thread([&] {
        elsewhere = l.run_until_complete([] { return std::this_thread::get_id(); });
        CHECK(elsewhere == std::this_thread::get_id());
    }).join();
    CHECK_FALSE(waits.done());
    p.set_value(1);
    std::thread([&] { CHECK(l.run_until_complete(waits) == 1); }).join();
}

TEST_CASE("LOOP-18: a run that is stopped before its future is done says so, and can go on",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    weft::promise<int> p;
    auto task = l.create_task([f = p.get_future()] { return f.get(); });
    l.call_soon([&] { l.stop(); });
    CHECK_THROWS_WITH(l.run_until_complete(task), Catch::Contains("stopped before the future"));
    CHECK_FALSE(task.done());
    // The one that could not end does not end a later run.
    notes log;
    l.call_soon([&] {
        p.set_value(8);
        l.call_soon([&] {
            l.call_soon([&] {
                l.call_soon([&] {
                    log("still here");
                    l.stop();
                });
            });
        });
    });
    l.run_forever();
    CHECK(log.take() == "still here");
    CHECK(l.run_until_complete(task) == 8);
}

TEST_CASE("LOOP-18: stop ends the run after the present turn; without a run the next has one turn",
          "[loop]") {
    event_loop l;
    notes log;
    l.call_soon([&] {
        l.call_soon(log.of("next run"));
        l.stop();
        log("1");
    });
    l.call_soon(log.of("2"));
    l.run_forever();
    CHECK(log.take() == "1 2");
    l.stop();
    l.run_forever();
    CHECK(log.take() == "next run");
}

TEST_CASE("LOOP-19: a run inside a task or callback, or while the loop runs, is an error at once",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l, other;
    l.run_until_complete([&] {
        CHECK(l.is_running());
        CHECK_THROWS_AS(l.run_until_complete([] {}), std::logic_error);
        CHECK_THROWS_AS(other.run_forever(), std::logic_error);
        CHECK_THROWS_AS(l.close(), std::logic_error);
        CHECK_THROWS_AS(weft::run([] {}), std::logic_error);
        bool refused = false; // also from another thread
        std::thread([&] {
            try {
                l.run_forever();
            } catch (const std::logic_error&) { refused = true; }
        }).join();
        CHECK(refused);
    });
    std::string error;
    l.call_soon([&] {
        try {
            l.run_forever();
        } catch (const std::logic_error& e) { error = e.what(); }
    });
    run_turns(l);
    CHECK_THAT(error, Catch::Contains("in a task or callback"));
    CHECK_FALSE(l.is_running());
    weft::run([&] { CHECK_THROWS_AS(l.run_forever(), std::logic_error); });
}

TEST_CASE("LOOP-19: a run in a greenlet is refused; beside a thread's greenlets it is fine",
          "[loop]") {
    event_loop l; // no check for leaks: the process keeps greenlets' stacks
    std::thread([&] {
        weft::greenlet<> g([&] { CHECK_THROWS_AS(l.run_forever(), std::logic_error); });
        g.switch_to();
        CHECK(l.run_until_complete([] { return 1; }) == 1);
        weft::greenlet<int> after([](int x) { CHECK(x == 2); });
        after.switch_to(2);
    }).join();
}

TEST_CASE("LOOP-20: a closed loop refuses every entry; closing again is harmless", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    l.call_later(1h, [c = counted()] {});
    auto task = l.create_task([c = counted()] { weft::sleep_for(1h); });
    bool cleaned = false;
    auto begun = l.create_task([&] {
        try {
            weft::sleep_for(1h);
        } catch (...) {
            weft::sleep_for(1us); // clean-up may wait
            cleaned = true;
            throw;
        }
    });
    run_turns(l);
    l.close();
    CHECK(l.is_closed());
    CHECK(cleaned);
    CHECK(task.cancelled());
    CHECK(begun.cancelled());
    CHECK(counted::alive == 0);
    CHECK_THROWS_AS(l.call_soon([] {}), weft::runtime_closed);
    CHECK_THROWS_AS(l.call_soon_threadsafe([] {}), weft::runtime_closed);
    CHECK_THROWS_AS(l.call_later(1s, [] {}), weft::runtime_closed);
    CHECK_THROWS_AS(l.call_at(l.time(), [] {}), weft::runtime_closed);
    CHECK_THROWS_AS(l.add_reader(0, [] {}), weft::runtime_closed);
    CHECK_THROWS_AS(l.add_writer(1, [] {}), weft::runtime_closed);
    CHECK_THROWS_AS(l.add_signal_handler(SIGUSR1, [] {}), weft::runtime_closed);
    CHECK_THROWS_AS(l.create_task([] {}), weft::runtime_closed);
    CHECK_THROWS_AS(l.run_forever(), weft::runtime_closed);
    CHECK_THROWS_AS(l.run_until_complete([] {}), weft::runtime_closed);
    CHECK_FALSE(l.remove_reader(0));
    CHECK_FALSE(l.remove_signal_handler(SIGUSR1));
    l.stop();
    l.close();
    l.close();

    bool ran =
        false; // without tasks that could wait for them, callbacks that have not run are dropped
    event_loop idle;
    auto h = idle.call_soon([&ran, c = counted()] { ran = true; });
    idle.close();
    CHECK_FALSE(ran);
    CHECK(h.cancelled());
    CHECK(counted::alive == 0);
}

TEST_CASE("LOOP-20: the loop of a runtime's core is closed with the runtime; a callback that waits "
          "is cancelled",
          "[loop]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    std::string ended;
    bool refused = false;
    {
        weft::runtime rt({.workers = workers});
        rt.block_on([&] {
            weft::loop& l = weft::get_running_loop();
            weft::promise<void> waits;
            l.call_soon([&] {
                try {
                    waits.set_value();
                    weft::event().wait(); // for ever
                } catch (const weft::cancelled_error& e) {
                    ended = e.what();
                    try {
                        l.call_soon([] {});
                    } catch (const weft::runtime_closed&) { refused = true; }
                    throw;
                }
            });
            l.call_soon([c = counted()] { FAIL("behind one that never ends"); });
            l.call_later(1h, [c = counted()] {});
            waits.get_future().await();
        });
    }
    CHECK(ended == "the loop is closed");
    CHECK(refused);
    CHECK(counted::alive == 0);
}

TEST_CASE("LOOP-21: sleeps of any length are one wake-up each: the loop does not spin", "[loop]") {
    event_loop l;
    const auto& counters = l.core().runtime().sched().worker_at(0).counters();
    std::uint64_t polls = 0;
    l.run_until_complete([&] {
        const auto before = counters.polls.load();
        for (double seconds = 1e-2; seconds > 1e-11; seconds /= 10)
            weft::sleep_for(std::chrono::duration<double>(seconds));
        polls = counters.polls - before;
    });
    CHECK(polls <= 20);
}

TEST_CASE("LOOP-22 LOOP-23: in an event_loop a yield lets what is ready run first, once",
          "[loop]") {
    event_loop l;
    notes log;
    auto steps = [&](const std::string& name) {
        return [&log, name] {
            log(name + "A");
            weft::yield();
            log(name + "B");
        };
    };
    l.create_task(steps("1"));
    l.create_task(steps("2"));
    l.call_soon(log.of("c"));
    run_turns(l, 2);
    CHECK(log.take() == "1A 2A c 1B 2B");
}

TEST_CASE("LOOP-29: a task that yields for ever keeps neither timers nor other threads away",
          "[loop]") {
    const unsigned workers = GENERATE(0U, 1U, 2U, 4U); // 0: an event_loop
    CAPTURE(workers);
    leak_fixture nothing_leaks;
    std::atomic<int> seen{0};
    auto body = [&] {
        weft::loop& l = weft::get_running_loop();
        l.call_later(1us, [&] { ++seen; });
        std::thread other([&] { l.call_soon_threadsafe([&] { ++seen; }); });
        while (seen < 2) weft::yield();
        other.join();
    };
    if (workers == 0)
        event_loop().run_until_complete(body);
    else
        weft::run({.workers = workers}, body);
    CHECK(seen == 2);
}

TEST_CASE("LOOP-30: a hundred tasks that are always ready do not keep sockets away", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    bool got_it = false;
    l.run_until_complete([&] {
        weft::task_group busy;
        for (int i = 0; i < 100; ++i)
            busy.create_task([&] {
                while (!got_it) weft::yield();
            });
        busy.create_task([&] {
            weft::wait_readable(ends[0]);
            got_it = true;
        });
        weft::yield();
        CHECK(write(ends[1], "x", 1) == 1);
        busy.join();
    });
    CHECK(got_it);
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("LOOP-31: the backend is chosen by name, the program stays as it is", "[loop]") {
    leak_fixture nothing_leaks;
    auto program = [](event_loop& l) {
        notes log;
        l.run_until_complete([&] {
            auto listener = weft::net::tcp_listener::bind("127.0.0.1", 0);
            auto server = weft::create_task([&] {
                auto s = listener.accept();
                char text[2];
                s.read_some(text);
                log(std::string(text, 2));
                s.write_all(std::string_view("ho"));
            });
            auto c = weft::net::tcp_stream::connect("127.0.0.1", listener.port());
            c.write_all(std::string_view("hi"));
            char text[2];
            c.read_some(text);
            log(std::string(text, 2));
            weft::await(server);
            weft::sleep_for(1us);
        });
        return log.take();
    };
    event_loop by_default;
    CHECK(program(by_default) == "hi ho");
    event_loop by_option({.backend = weft::io_backend::epoll});
    CHECK(program(by_option) == "hi ho");
    setenv("WEFT_BACKEND", "epoll", 1);
    event_loop by_environment;
    CHECK(program(by_environment) == "hi ho");
    setenv("WEFT_BACKEND", "kqueue", 1);
    CHECK_THROWS_WITH(event_loop(), Catch::Contains("kqueue"));
    unsetenv("WEFT_BACKEND");
    try {
        event_loop other({.backend = weft::io_backend::io_uring});
        CHECK(program(other) == "hi ho");
    } catch (const std::system_error&) { // the kernel, or this build, has none: it says so
    }
}

TEST_CASE("LOOP-33: time stands still while anything is ready, and goes from deadline to deadline",
          "[loop]") {
    timeless_loop l;
    notes log;
    const auto began = l.time();
    for (int seconds : {3, 1, 2})
        l.create_task([&, seconds] {
            weft::sleep_for(std::chrono::seconds(seconds));
            log(std::to_string((l.time() - began) / 1s));
        });
    l.run_until_complete([] { weft::sleep_for(2s); });
    CHECK(log.take() == "1 2");
    CHECK(l.time() - began == 2s);
    l.run_until_complete([] { weft::sleep_for(2s); });
    CHECK(log.take() == "3");
}

TEST_CASE("an event_loop refuses options that it can't keep", "[loop]") {
    CHECK_THROWS_AS(event_loop({.workers = 2}), std::invalid_argument);
    CHECK_THROWS_AS(event_loop({.pin_workers = true}), std::invalid_argument);
    event_loop one({.workers = 1});
    CHECK(one.run_until_complete([] { return 1; }) == 1);
}

TEST_CASE("get_running_loop is the event_loop itself, also in callbacks; outside it is an error",
          "[loop]") {
    event_loop l;
    CHECK(l.run_until_complete([&] { return &weft::get_running_loop() == &l; }));
    bool same = false;
    l.call_soon([&] { same = &weft::get_running_loop() == &l; });
    run_turns(l);
    CHECK(same);
    CHECK_THROWS_AS(weft::get_running_loop(), std::logic_error);
    over_workers([] {
        weft::loop& here = weft::get_running_loop();
        CHECK(&here.core().runtime() == &weft::get_running_loop().core().runtime());
    });
}

TEST_CASE("in an event_loop nothing else happens between two waits, whoever wakes it", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l({.stuck_after = 50us});
    const auto me = std::this_thread::get_id();
    std::atomic<int> ran{0};
    bool alone = true;
    l.run_until_complete([&] {
        int value = 0; // no lock
        auto other = weft::create_task([&] {
            ++ran;
            alone = alone && std::this_thread::get_id() == me;
            ++value;
        });
        std::thread outside([&] { l.call_soon([&] { ++ran; }); });
        outside.join();
        // Long enough for the monitor to find this worker computing again and again, with others behind it.
        const auto& looks = l.core().runtime().sched().watched()->looks;
        const auto until = looks.load() + 50;
        while (looks.load() < until) {}
        alone = alone && ran == 0 && value == 0;
        weft::await(other);
    });
    CHECK(alone);
}

TEST_CASE("the default executor, gather and channels work in an event_loop", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    CHECK(l.run_until_complete([&] {
        weft::channel<int> c(1);
        auto sender = weft::create_task([&] {
            for (int i = 1; i <= 3; ++i) c.send(i);
            c.close();
        });
        int sum = 0;
        while (auto x = c.recv()) sum += *x;
        auto [a, b] = weft::gather([] { return 10; }, [] { return 20; });
        const int elsewhere = weft::await(weft::run_in_executor([] { return 100; }));
        weft::await(sender);
        return sum + a + b + elsewhere;
    }) == 136);
}
