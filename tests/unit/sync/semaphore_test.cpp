// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <stdexcept>

using namespace weft::testing;
using namespace std::chrono_literals;

namespace {

/// How many permits are free; nobody else may use it now.
template <class Semaphore>
int count_permits(Semaphore& sem) {
    int n = 0;
    while (sem.try_acquire()) ++n;
    sem.release(n);
    return n;
}

} // namespace

TEST_CASE("SEM-01: a semaphore lets in as many as it has permits", "[sync]") {
    weft::counting_semaphore sem(2);
    CHECK(sem.try_acquire());
    sem.acquire();
    CHECK_FALSE(sem.try_acquire());
    CHECK_FALSE(sem.try_acquire_for(1ms));
    CHECK_FALSE(sem.try_acquire_for(-1s));
    CHECK_FALSE(sem.try_acquire_until(std::chrono::system_clock::now()));
    sem.release();
    CHECK(sem.try_acquire_for(1h));
    sem.release(2);
    CHECK(count_permits(sem) == 2);
}

TEST_CASE("SEM-05: a semaphore refuses a count that can't be", "[sync]") {
    CHECK_THROWS_AS(weft::counting_semaphore<4>(-1), std::invalid_argument);
    CHECK_THROWS_AS(weft::counting_semaphore<4>(5), std::invalid_argument);
    STATIC_REQUIRE(weft::counting_semaphore<4>::max() == 4);
    STATIC_REQUIRE(weft::binary_semaphore::max() == 1);
    weft::counting_semaphore<4> sem(3);
    CHECK_THROWS_AS(sem.release(2), std::logic_error);
    CHECK_THROWS_AS(sem.release(-1), std::logic_error);
    CHECK(count_permits(sem) == 3);
    sem.release();
    CHECK_THROWS_AS(sem.release(), std::logic_error);
}

TEST_CASE("a permit that came before the guard was held is taken without a wait", "[sync]") {
    weft::counting_semaphore<5> sem(2);
    CHECK(probe::second_look(sem));
    CHECK(count_permits(sem) == 1);
}

TEST_CASE("permits go to the waiters in the order of their arrival", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::binary_semaphore sem(0);
    std::vector<int> order;
    crew c(s);
    for (int i = 0; i < 5; ++i) {
        c.start([&, i] {
            sem.acquire();
            order.push_back(i); // plain: the one permit goes from hand to hand
            sem.release();
        });
        until([&] { return probe::waiting(sem) == static_cast<std::size_t>(i) + 1; });
    }
    sem.release();
    c.join();
    CHECK(order == std::vector{0, 1, 2, 3, 4});
    CHECK(count_permits(sem) == 1);
}

TEST_CASE("release(n) lets in the first n, and keeps what nobody waits for", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::counting_semaphore<10> sem(0);
    std::atomic<int> in{0};
    crew c(s);
    for (int i = 0; i < 5; ++i)
        c.start([&] {
            sem.acquire();
            ++in;
        });
    until([&] { return probe::waiting(sem) == 5; });
    sem.release(3);
    until([&] { return in == 3; });
    CHECK(probe::waiting(sem) == 2);
    CHECK_FALSE(sem.try_acquire());
    sem.release(6);
    c.join();
    CHECK(in == 5);
    CHECK(count_permits(sem) == 4);
}

TEST_CASE("SEM-04: a newcomer does not take the permit that a waiter was given", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::binary_semaphore sem(0);
    crew c(s);
    c.start([&] { sem.acquire(); });
    until([&] { return probe::waiting(sem) == 1; });
    sem.release();
    CHECK_FALSE(sem.try_acquire()); // whether the waiter runs already or not
    c.join();
    CHECK(count_permits(sem) == 0);
}

TEST_CASE("SEM-02: tasks that acquire and release in turns stay in their order", "[sync]") {
    weft::binary_semaphore sem(0);
    std::vector<int> order;
    crew c({1});
    for (int i = 0; i < 3; ++i) {
        c.start([&, i] {
            for (int round = 0; round < 2; ++round) {
                sem.acquire();
                order.push_back(i);
                sem.release();
            }
        });
        until([&] { return probe::waiting(sem) == static_cast<std::size_t>(i) + 1; });
    }
    sem.release();
    c.join();
    CHECK(order == std::vector{0, 1, 2, 0, 1, 2});
}

TEST_CASE("a waiter cancelled before the release takes no permit", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::counting_semaphore<3> sem(0);
    std::atomic<int> in{0};
    crew c(s);
    std::vector<weft::task_handle> tasks;
    for (int i = 0; i < 3; ++i) {
        tasks.push_back(c.start([&] {
            sem.acquire();
            ++in;
        }));
        until([&] { return probe::waiting(sem) == static_cast<std::size_t>(i) + 1; });
    }
    tasks[0].cancel();
    tasks[1].cancel();
    sem.release(); // they may be in line still
    c.join();
    CHECK(tasks[0].cancelled());
    CHECK(tasks[1].cancelled());
    CHECK_FALSE(tasks[2].cancelled());
    CHECK(in == 1);
    CHECK(count_permits(sem) == 0);
}

TEST_CASE("who was given a permit before the cancel keeps it", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::binary_semaphore sem(0);
    weft::mutex turn;
    bool acquired = false, cancelled_later = false;
    crew c(s);
    auto waiter = c.start([&] {
        sem.acquire();
        acquired = true;
        cancelled_later = was_cancelled([] { weft::sleep_for(1h); });
    });
    until([&] { return probe::waiting(sem) == 1; });
    c.start([&] { // in one step: given, then cancelled
        sem.release();
        waiter.cancel();
    });
    c.join();
    CHECK(acquired);
    CHECK(cancelled_later);
    CHECK(count_permits(sem) == 0);
}

TEST_CASE(
    "EVT-04: a binary semaphore as a notification: one that nobody waits for is kept, and who "
    "was told but cancelled before it ran passes it on",
    "[sync]") {
    weft::run({.workers = 1}, [] {
        weft::binary_semaphore told(0);
        told.release();
        told.acquire(); // it came before

        int handled = 0;
        const auto handles = [&] {
            told.acquire();
            struct passes_on { // unless it was handled
                weft::binary_semaphore& s;
                bool done = false;
                ~passes_on() {
                    if (!done) s.release();
                }
            } p{told};
            weft::checkpoint();
            ++handled;
            p.done = true;
        };
        auto first = weft::create_task(handles), second = weft::create_task(handles);
        until([&] { return probe::waiting(told) == 2; });
        told.release();
        first.cancel(); // it has the permit already
        CHECK_THROWS_AS(weft::await(first), weft::cancelled_error);
        weft::await(second);
        CHECK(handled == 1);
    });
}

TEST_CASE("SEM-03: permits are conserved where releases, cancels and time-outs race", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    constexpr int k_permits = 3;
    weft::counting_semaphore<k_permits> sem(k_permits);
    std::atomic<int> inside{0}, most{0};
    crew c(s);
    std::mt19937 random(s.workers);
    for (int round = 0; round < 60; ++round) {
        std::vector<weft::task_handle> tasks;
        for (int i = 0; i < 12; ++i) {
            const auto limit = std::chrono::microseconds(1 + random() % 100);
            tasks.push_back(c.start([&, limit, i] {
                if (i % 3 == 0) {
                    if (!sem.try_acquire_for(limit)) return;
                } else {
                    sem.acquire();
                }
                struct leave {
                    weft::counting_semaphore<k_permits>& sem;
                    std::atomic<int>& inside;
                    ~leave() {
                        --inside;
                        sem.release();
                    }
                } const on_exit{sem, inside};
                const int now = ++inside;
                for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
                weft::yield();
            }));
        }
        for (auto& t : tasks)
            if (random() % 3 == 0) t.cancel();
        c.join();
    }
    CHECK(most <= k_permits);
    CHECK(inside == 0);
    CHECK(count_permits(sem) == k_permits);
}

TEST_CASE("SEM-06: a thousand tasks and threads share five permits", "[sync]") {
    const setting s = GENERATE(setting{1}, setting{2}, setting{4}, setting{2, true});
    CAPTURE(s);
    weft::counting_semaphore<5> sem(5);
    std::atomic<int> inside{0}, most{0}, passed{0};
    crew c(s);
    const int bodies = s.mixed ? 40 : 1000;
    for (int i = 0; i < bodies; ++i)
        c.start([&] {
            sem.acquire();
            const int now = ++inside;
            for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
            weft::yield();
            --inside;
            ++passed;
            sem.release();
        });
    c.join();
    CHECK(passed == bodies);
    CHECK(most <= 5);
    CHECK(count_permits(sem) == 5);
}

TEST_CASE("a binary semaphore keeps a counter exact, as a mutex does", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::binary_semaphore sem(1);
    int counter = 0; // plain
    crew c(s);
    for (int t = 0; t < 4; ++t)
        c.start([&] {
            for (int i = 0; i < 5000; ++i) {
                sem.acquire();
                ++counter;
                sem.release();
            }
        });
    c.join();
    CHECK(counter == 20000);
    CHECK(count_permits(sem) == 1);
}

TEST_CASE("a semaphore in a frame may die as soon as its permit has come", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::channel<weft::binary_semaphore*> to_do;
    crew c(s);
    c.start([&] {
        for (weft::binary_semaphore* sem : to_do) sem->release();
    });
    c.start([&] {
        for (int i = 0; i < 2000; ++i) {
            weft::binary_semaphore done(0);
            to_do.send(&done);
            done.acquire();
        }
        to_do.close();
    });
    c.join();
    CHECK(to_do.closed());
}

TEST_CASE("a loop whose operations never wait can be cancelled", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::counting_semaphore<1> sem(1);
    std::atomic<bool> runs{false};
    crew c(s);
    auto loop = c.start([&] {
        for (;;) {
            sem.acquire();
            runs = true;
            sem.release();
        }
    });
    until([&] { return runs.load(); });
    loop.cancel();
    c.join();
    CHECK(loop.cancelled());
    CHECK(count_permits(sem) == 1);
}

TEST_CASE("a loop whose operations never wait lets the others run", "[sync]") {
    weft::counting_semaphore<1> sem(1);
    std::atomic<bool> stop{false};
    crew c({1});
    c.start([&] {
        while (!stop) {
            sem.acquire();
            sem.release();
        }
    });
    c.start([&] { stop = true; });
    c.join();
    CHECK(stop);
}
