// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "support/runtimes.hpp"

using namespace weft::testing;
using namespace std::chrono_literals;

TEST_CASE("a free mutex is locked at once, and try_lock tells whether it is free", "[sync]") {
    weft::mutex m;
    CHECK(m.try_lock());
    CHECK_FALSE(m.try_lock());
    CHECK_FALSE(m.try_lock_for(0s));
    CHECK_FALSE(m.try_lock_until(std::chrono::system_clock::now() - 1h));
    m.unlock();
    const std::lock_guard guard(m);
    CHECK_FALSE(m.try_lock());
}

TEST_CASE("a mutex that became free before the guard was held is locked without a wait", "[sync]") {
    weft::mutex m;
    CHECK(probe::second_look(m));
    CHECK_FALSE(m.try_lock());
    m.unlock();
    CHECK(m.try_lock());
}

TEST_CASE("LCK-01: waiters get the mutex in the order of their arrival", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::mutex m;
    std::vector<int> order;
    m.lock();
    crew c(s);
    for (int i = 0; i < 5; ++i) {
        c.start([&, i] {
            const std::lock_guard guard(m);
            order.push_back(i);
        });
        until([&] { return probe::waiting(m) == static_cast<std::size_t>(i) + 1; });
    }
    m.unlock();
    c.join();
    CHECK(order == std::vector{0, 1, 2, 3, 4});
    CHECK(m.try_lock());
}

TEST_CASE("LCK-07: a newcomer does not overtake the waiter to whom the mutex was handed",
          "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::mutex m;
    std::atomic<bool> go{false};
    m.lock();
    crew c(s);
    c.start([&] {
        const std::lock_guard guard(m);
        until([&] { return go.load(); });
    });
    until([&] { return probe::waiting(m) == 1; });
    m.unlock(); // from here on it is the waiter's, whether he runs already or not
    CHECK_FALSE(m.try_lock());
    go = true;
    c.join();
    CHECK(m.try_lock());
}

TEST_CASE("LCK-08 LCK-09: a counter under the mutex is exact, also where its owner waits meanwhile",
          "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::mutex m;
    int counter = 0; // plain: the mutex alone keeps it
    {
        crew c(s);
        for (int t = 0; t < 8; ++t)
            c.start([&] {
                for (int i = 0; i < 500; ++i) {
                    const std::lock_guard guard(m);
                    const int before = counter;
                    if (i % 8 == 0) weft::yield(); // goes on on another worker, perhaps
                    counter = before + 1;
                }
            });
    }
    CHECK(counter == 8 * 500);
    CHECK(m.try_lock());
}

TEST_CASE("LCK-04: a cancelled waiter loses its place, and nobody else does", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::mutex m;
    std::vector<int> order;
    m.lock();
    crew c(s);
    std::vector<weft::task_handle> tasks;
    for (int i = 0; i < 4; ++i) {
        tasks.push_back(c.start([&, i] {
            const std::lock_guard guard(m);
            order.push_back(i);
        }));
        until([&] { return probe::waiting(m) == static_cast<std::size_t>(i) + 1; });
    }
    CHECK(tasks[0].cancel());
    CHECK(tasks[2].cancel());
    tasks[0].wait();
    tasks[2].wait();
    CHECK(tasks[0].cancelled());
    CHECK(tasks[2].cancelled());
    CHECK(probe::waiting(m) == 2);
    m.unlock();
    c.join();
    CHECK(order == std::vector{1, 3});
    CHECK(m.try_lock());
}

TEST_CASE("lock is a cancel point only where it must wait", "[sync]") {
    weft::mutex free, held;
    held.lock();
    bool passed = false, cancelled = false;
    crew c({1});
    c.start([&] {
        weft::current_task().cancel("enough");
        free.lock();
        passed = true;
        cancelled = was_cancelled([&] { held.lock(); });
        free.unlock();
    });
    c.join();
    CHECK(passed);
    CHECK(cancelled);
    CHECK(free.try_lock());
    held.unlock();
    CHECK(held.try_lock());
}

TEST_CASE("LCK-02: a cancel that races with unlock loses neither the mutex nor the next waiter",
          "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    crew c(s);
    int rounds_done = 0;
    for (int round = 0; round < 1000; ++round) {
        weft::mutex m;
        m.lock();
        std::atomic<int> got{0}, cancelled{0};
        weft::task_handle first = c.start([&] {
            if (was_cancelled([&] {
                    m.lock();
                    ++got;
                    m.unlock();
                }))
                ++cancelled;
        });
        until([&] { return probe::waiting(m) == 1; });
        c.start([&] {
            m.lock();
            ++got;
            m.unlock();
        });
        until([&] { return probe::waiting(m) == 2; });
        c.start([&] { first.cancel(); });
        m.unlock();
        c.join();
        if (got + cancelled == 2 && cancelled <= 1 && m.try_lock()) ++rounds_done;
    }
    CHECK(rounds_done == 1000);
}

TEST_CASE("who gives up waiting does not have the mutex, and the others still get it", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::mutex m;
    std::atomic<bool> gave_up{false}, in_order{false};
    m.lock();
    crew c(s);
    c.start([&] { gave_up = !m.try_lock_for(1ms); });
    c.start([&] {
        m.lock();
        in_order = gave_up.load();
        m.unlock();
    });
    until([&] { return gave_up.load(); });
    m.unlock();
    c.join();
    CHECK(in_order);
    CHECK(m.try_lock_for(1h));
}

TEST_CASE("time-outs that race with unlock leave the count exact", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::mutex m;
    int counter = 0;
    std::atomic<int> locked{0};
    {
        crew c(s);
        for (int t = 0; t < 6; ++t)
            c.start([&, t] {
                for (int i = 0; i < 1000; ++i) {
                    if (!m.try_lock_for(std::chrono::microseconds(1 + (i * 7 + t * 13) % 60)))
                        continue;
                    const int before = counter;
                    if (i % 4 == 0) weft::yield();
                    counter = before + 1;
                    ++locked;
                    m.unlock();
                }
            });
    }
    CHECK(counter == locked);
    CHECK(m.try_lock());
}

TEST_CASE("two mutexes taken in opposite orders by scoped_lock do not deadlock", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::mutex a, b;
    int counter = 0;
    {
        crew c(s);
        for (int t = 0; t < 4; ++t)
            c.start([&, t] {
                for (int i = 0; i < 1000; ++i) {
                    if (t % 2 == 0) {
                        const std::scoped_lock both(a, b);
                        ++counter;
                    } else {
                        const std::scoped_lock both(b, a);
                        ++counter;
                    }
                }
            });
    }
    CHECK(counter == 4000);
}

TEST_CASE("a mutex may be destroyed as soon as its last owner has let go", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    struct shared {
        weft::mutex m;
        int users = 3;
    };
    std::atomic<int> destroyed{0};
    crew c(s);
    for (int round = 0; round < 2000; ++round) {
        auto* object = new shared;
        for (int i = 0; i < 3; ++i)
            c.start([object, &destroyed] {
                object->m.lock();
                const bool last = --object->users == 0;
                object->m.unlock();
                if (!last) return;
                delete object; // nobody else's unlock may look at it any more
                ++destroyed;
            });
        if (round % 20 == 19) c.join();
    }
    c.join();
    CHECK(destroyed == 2000);
}

TEST_CASE("LCK-05: unlock of a mutex that nobody has locked ends the process and says so",
          "[sync]") {
    int channel[2];
    REQUIRE(pipe(channel) == 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(channel[1], STDERR_FILENO);
        std::signal(SIGABRT, SIG_DFL);
        weft::mutex m;
        m.unlock();
        _exit(0);
    }
    close(channel[1]);
    std::string said;
    char part[256];
    for (ssize_t n = 0; (n = read(channel[0], part, sizeof part)) > 0;)
        said.append(part, static_cast<std::size_t>(n));
    close(channel[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    CHECK(said.find("unlock of a weft::mutex that nobody has locked") != std::string::npos);
}

TEST_CASE(
    "LCK-03: the first of three waiters is cancelled in the step that unlocks: exactly one of the "
    "others gets the mutex",
    "[sync]") {
    const bool cancel_first = GENERATE(false, true);
    CAPTURE(cancel_first);
    weft::run({.workers = 1}, [&] {
        weft::mutex m;
        m.lock();
        int locked = 0, has = 0;
        std::vector<weft::task<void>> waiters;
        for (int i = 0; i < 3; ++i)
            waiters.push_back(weft::create_task([&] {
                m.lock(); // and keeps it
                ++locked;
                ++has;
                if (weft::current_task().cancelling() > 0) {
                    m.unlock(); // it was given the mutex before the cancel: that is kept, and passed on
                    --has;
                }
            }));
        until([&] { return probe::waiting(m) == 3; });
        if (cancel_first) waiters[0].cancel();
        m.unlock();
        if (!cancel_first) waiters[0].cancel();
        for (int i = 0; i < 10; ++i) weft::yield();
        CHECK(has == 1);
        CHECK(locked == (cancel_first ? 1 : 2));
        CHECK(probe::waiting(m) == 1);
        m.unlock();
        weft::wait(waiters);
        CHECK(has == 2);
    });
}

TEST_CASE("LCK-06: whichever way a scope that holds the mutex ends, the mutex is free", "[sync]") {
    over_workers([] {
        weft::mutex m;
        const auto is_free = [&m] {
            const bool free = m.try_lock();
            if (free) m.unlock();
            return free;
        };
        const auto returns = [&m] {
            const std::lock_guard held(m);
            weft::yield();
            return 1;
        };
        CHECK(returns() == 1);
        CHECK(is_free());
        CHECK_THROWS_AS(
            [&] {
                const std::lock_guard held(m);
                weft::yield();
                throw std::runtime_error("body");
            }(),
            std::runtime_error);
        CHECK(is_free());
        weft::event inside;
        auto cancelled = weft::create_task([&] {
            const std::unique_lock held(m);
            inside.set();
            weft::sleep_for(1h);
        });
        inside.wait();
        CHECK_FALSE(is_free());
        cancelled.cancel();
        CHECK_THROWS_AS(weft::await(cancelled), weft::cancelled_error);
        CHECK(is_free());
        CHECK_THROWS_AS(weft::wait_for(1ms,
                                       [&] {
                                           const std::scoped_lock held(m);
                                           weft::sleep_for(1h);
                                       }),
                        weft::timeout_error);
        CHECK(is_free());
    });
}
