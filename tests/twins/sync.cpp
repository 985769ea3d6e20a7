// SPDX-License-Identifier: Apache-2.0
// Twins of sync.py: locks, events, conditions, semaphores, barriers.
#include <algorithm>
#include <mutex>
#include <vector>

#include "twin.hpp"

namespace twins {
namespace {

using tasks = std::vector<weft::task<void>>;

template <class F>
tasks several(int count, F f) {
    tasks all;
    for (int n = 0; n < count; ++n) all.push_back(weft::create_task(f, n));
    return all;
}
void all_of(const tasks& all) {
    for (const auto& t : all) weft::await(t);
}
void attempt_all(const tasks& all) {
    for (const auto& t : all) attempt("it", [&] { weft::await(t); });
}

/// asyncio's lock.locked()
bool locked(weft::mutex& mutex) {
    const std::unique_lock lock(mutex, std::try_to_lock);
    return !lock.owns_lock();
}

const twin a_lock_in_order_of_arrival("sync.a_lock_in_order_of_arrival", "LCK-01", [] {
    weft::mutex mutex;
    all_of(several(4, [&](int n) {
        {
            const std::lock_guard lock(mutex);
            say(n, "has it at", seconds());
            sleep(1);
        }
        say(n, "gave it back");
    }));
});

const twin a_lock_is_not_taken_again_before_those_who_wait(
    "sync.a_lock_is_not_taken_again_before_those_who_wait", "LCK-07", [] {
        weft::mutex mutex;
        all_of(several(2, [&](int n) {
            for (int turn = 0; turn < 2; ++turn) {
                const std::lock_guard lock(mutex);
                say(n, "turn", turn);
                weft::yield();
            }
        }));
    });

const twin a_lock_and_a_cancelled_waiter("sync.a_lock_and_a_cancelled_waiter", "LCK-02 LCK-03", [] {
    weft::mutex mutex;
    mutex.lock();
    auto all = several(3, [&](int n) {
        const std::lock_guard lock(mutex);
        say(n, "has it");
    });
    weft::yield();
    all[0].cancel();
    mutex.unlock();
    attempt_all(all);
    say(locked(mutex));
});

const twin a_lock_is_free_after_a_cancel("sync.a_lock_is_free_after_a_cancel", "LCK-06", [] {
    weft::mutex mutex;
    auto h = weft::create_task([&] {
        const std::lock_guard lock(mutex);
        sleep(9);
    });
    auto n = weft::create_task([&] {
        const std::lock_guard lock(mutex);
        say("next one has it at", seconds());
    });
    sleep(1);
    h.cancel();
    attempt("holder", [&] { weft::await(h); });
    weft::await(n);
});

const twin an_event_wakes_all_in_order("sync.an_event_wakes_all_in_order", "EVT-01", [] {
    weft::event event;
    auto all = several(4, [&](int n) {
        event.wait();
        say(n, "goes on");
    });
    weft::yield();
    event.set();
    say("set", event.is_set());
    all_of(all);
    event.wait();
    say("no wait");
});

const twin an_event_set_and_cleared_at_once("sync.an_event_set_and_cleared_at_once", "EVT-02", [] {
    weft::event event;
    auto all = several(3, [&](int n) {
        event.wait();
        say(n, "goes on", event.is_set());
    });
    weft::yield();
    event.set();
    event.clear();
    all_of(all);
});

const twin an_event_and_a_cancelled_waiter("sync.an_event_and_a_cancelled_waiter", "EVT-03", [] {
    weft::event event;
    auto all = several(3, [&](int n) {
        event.wait();
        say(n, "goes on");
    });
    weft::yield();
    all[1].cancel();
    weft::yield();
    event.set();
    attempt_all(all);
});

struct condition {
    weft::mutex mutex;
    weft::condition_variable changed;
    std::unique_lock<weft::mutex> lock() { return std::unique_lock(mutex); }
};

const twin a_condition_wakes_as_many_as_it_is_told(
    "sync.a_condition_wakes_as_many_as_it_is_told", "CND-01 CND-02", [] {
        condition c;
        auto all = several(5, [&](int n) {
            auto lock = c.lock();
            c.changed.wait(lock);
            say(n, "woken, lock held:", locked(c.mutex));
        });
        weft::yield();
        for (int n : {1, 2, 9}) {
            {
                auto lock = c.lock();
                for (int i = 0; i < n; ++i) c.changed.notify_one();
                say("notifies", n);
            }
            sleep(1);
        }
        all_of(all);
    });

const twin a_condition_wakes_all("sync.a_condition_wakes_all", "CND-01", [] {
    condition c;
    auto all = several(3, [&](int n) {
        auto lock = c.lock();
        c.changed.wait(lock);
        say(n, "is woken");
        sleep(1);
    });
    weft::yield();
    {
        auto lock = c.lock();
        c.changed.notify_all();
    }
    all_of(all);
    say(seconds());
});

const twin a_condition_with_a_predicate("sync.a_condition_with_a_predicate", "CND-03", [] {
    condition c;
    int value = 0;
    auto t = weft::create_task([&] {
        auto lock = c.lock();
        c.changed.wait(lock, [&] { return value >= 2; });
        say("sees", value);
    });
    for (int n = 1; n < 4; ++n) {
        sleep(1);
        auto lock = c.lock();
        value = n;
        say("sets", n);
        c.changed.notify_one();
    }
    weft::await(t);
});

const twin a_condition_and_a_cancelled_waiter(
    "sync.a_condition_and_a_cancelled_waiter", "CND-04", [] {
        condition c;
        auto t = weft::create_task([&] {
            auto lock = c.lock();
            on_exit leaving([&] { say("holds the lock again:", locked(c.mutex)); });
            c.changed.wait(lock);
        });
        weft::yield();
        {
            auto lock = c.lock();
            t.cancel();
            weft::yield();
            say("it waits for the lock:", !t.done());
        }
        attempt("it", [&] { weft::await(t); });
        say(locked(c.mutex));
    });

const twin a_condition_and_a_waiter_that_is_cancelled_after_its_notification(
    "sync.a_condition_and_a_waiter_that_is_cancelled_after_its_notification", "CND-06", [] {
        condition c;
        int items = 0;
        auto body = [&](const char* name) {
            auto lock = c.lock();
            c.changed.wait(lock);
            --items;
            say(name, "takes the item");
        };
        auto first = weft::create_task(body, "first");
        auto second = weft::create_task(body, "second");
        weft::yield();
        {
            auto lock = c.lock();
            ++items;
            c.changed.notify_one();
            first.cancel();
        }
        attempt("first", [&] { weft::await(first); });
        sleep(1);
        if (!second.done()) second.cancel();
        attempt("second", [&] { weft::await(second); });
    });

const twin a_semaphore_in_order_of_arrival("sync.a_semaphore_in_order_of_arrival", "SEM-01", [] {
    weft::counting_semaphore<> semaphore(2);
    all_of(several(5, [&](int n) {
        semaphore.acquire();
        say(n, "in at", seconds());
        sleep(1);
        semaphore.release();
    }));
});

const twin a_semaphore_and_a_cancelled_waiter("sync.a_semaphore_and_a_cancelled_waiter", "SEM-03",
                                              [] {
                                                  weft::counting_semaphore<> semaphore(0);
                                                  auto all = several(3, [&](int n) {
                                                      semaphore.acquire();
                                                      say(n, "has it");
                                                  });
                                                  weft::yield();
                                                  all[0].cancel();
                                                  semaphore.release();
                                                  semaphore.release();
                                                  attempt_all(all);
                                                  say(!semaphore.try_acquire());
                                              });

const twin a_bounded_semaphore_refuses_one_too_many("sync.a_bounded_semaphore_refuses_one_too_many",
                                                    "SEM-05", [] {
                                                        weft::counting_semaphore<2> semaphore(2);
                                                        semaphore.acquire();
                                                        semaphore.release();
                                                        try {
                                                            semaphore.release();
                                                            say("never");
                                                        } catch (const std::exception&) {
                                                            say("refuses");
                                                        }
                                                    });

const twin a_barrier_goes_round_by_round("sync.a_barrier_goes_round_by_round", "BAR-01", [] {
    weft::barrier barrier(3);
    all_of(several(3, [&](int n) {
        for (int turn = 0; turn < 2; ++turn) {
            sleep(n);
            barrier.arrive_and_wait();
            say(turn, "at", seconds());
        }
    }));
});

const twin a_barrier_gives_each_a_number("sync.a_barrier_gives_each_a_number", "BAR-01", [] {
    weft::barrier barrier(3);
    std::vector<std::ptrdiff_t> numbers;
    all_of(several(3, [&](int) { numbers.push_back(barrier.arrive_and_wait()); }));
    std::ranges::sort(numbers);
    say(numbers[0], numbers[1], numbers[2]);
});

const twin a_barrier_and_a_cancelled_waiter("sync.a_barrier_and_a_cancelled_waiter", "BAR-02", [] {
    weft::barrier barrier(2);
    auto body = [&](int n) {
        barrier.arrive_and_wait();
        say(n, "is through");
    };
    auto first = weft::create_task(body, 1);
    weft::yield();
    first.cancel();
    attempt("first", [&] { weft::await(first); });
    auto second = weft::create_task(body, 2);
    sleep(1);
    say("second waits:", !second.done());
    auto third = weft::create_task(body, 3);
    attempt("second", [&] { weft::await(second); });
    attempt("third", [&] { weft::await(third); });
});

const twin a_barrier_that_is_aborted("sync.a_barrier_that_is_aborted", "BAR-04 BAR-05", [] {
    weft::barrier barrier(3);
    auto body = [&](int) { barrier.arrive_and_wait(); };
    auto all = several(2, body);
    weft::yield();
    barrier.abort();
    attempt_all(all);
    attempt("later", [&] { barrier.arrive_and_wait(); });
    say(barrier.broken());
    barrier.reset();
    say(barrier.broken());
    attempt_all(several(3, body));
});

} // namespace
} // namespace twins
