// SPDX-License-Identifier: Apache-2.0
// One worker or many: work behind a busy one, the same results, wake-ups from several threads.
#include <algorithm>
#include <numeric>
#include <random>
#include <thread>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

TEST_CASE(
    "RTM-02: what is queued behind a busy task is taken by idle workers, the last one that it "
    "woke as well",
    "[task]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(2U, 4U);
    const int count = GENERATE(1, 100); // alone it lies in the worker's slot
    CAPTURE(workers, count);
    weft::run({.workers = workers, .max_spares = 0}, [&] {
        std::atomic<int> ran{0};
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < count; ++i) tasks.push_back(weft::create_task([&] { ++ran; }));
        while (ran < count) {} // no wait, no fork point: this worker does nothing else
        for (auto& t : tasks) weft::await(t);

        weft::promise<void> p;
        std::atomic<bool> waits{false}, woken{false};
        auto waiter = weft::create_task([&, f = p.get_future()] {
            waits = true;
            f.await();
            woken = true;
        });
        while (!waits) weft::yield();
        p.set_value();
        while (!woken) {}
        weft::await(waiter);
    });
}

TEST_CASE("RTM-06: the same program gives the same result with one worker and with many; with one, "
          "tasks take turns, with many they run at the same time",
          "[task]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U, 8U);
    CAPTURE(workers);
    weft::run({.workers = workers, .max_spares = 0}, [&] {
        std::vector<weft::task<long>> parts;
        weft::mutex m;
        long total = 0;
        for (int i = 0; i < 20; ++i)
            parts.push_back(weft::create_task([&, i] {
                long sum = 0;
                for (int k = 0; k < 50; ++k) {
                    sum += i * k;
                    if (k % 10 == 0) weft::yield();
                }
                const std::lock_guard guard(m);
                total += sum;
                return sum;
            }));
        const std::vector<long> sums = weft::gather(parts);
        CHECK(std::accumulate(sums.begin(), sums.end(), 0L) == 190 * 1225);
        CHECK(total == 190 * 1225);

        std::atomic<int> inside{0};
        std::atomic<bool> together{false};
        const auto meets = [&] {
            ++inside;
            if (workers > 1)
                while (inside < 2) {} // without a wait: somebody else must run at the same time
            if (inside == 2) together = true;
            if (workers == 1) --inside;
        };
        auto one = weft::create_task(meets), two = weft::create_task(meets);
        weft::await(one);
        weft::await(two);
        CHECK(together == (workers > 1));
    });
}

TEST_CASE(
    "RTM-07: several threads that end the same wait in different ways make its task go on once",
    "[task]") {
    over_workers([] {
        for (int round = 0; round < many(300); ++round) {
            weft::promise<int> p;
            auto f = p.get_future();
            std::atomic<int> went_on{0};
            auto t = begun([&] {
                try {
                    weft::wait_for(10us, [&] { return weft::await(f); });
                } catch (const weft::timeout_error&) {
                } catch (const weft::cancelled_error&) {}
                ++went_on;
                const weft::mask_cancel
                    whole; // one more wait: it must not be ended by what came too late
                weft::sleep_for(1us);
                return went_on.load();
            });
            std::thread sets([&] { static_cast<void>(p.set_value(1)); });
            std::thread cancels([&] {
                f.cancel();
                t.cancel();
            });
            weft::wait(std::vector{t});
            sets.join();
            cancels.join();
            REQUIRE(went_on == 1);
        }
    });
}

TEST_CASE(
    "RTM-08: tasks by the ten thousands that park and are woken by threads in random order all "
    "end",
    "[task]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(2U, 4U);
    CAPTURE(workers);
    const int count = many(weft::detail::k_asan ? 10'000 : 40'000);
    std::vector<weft::promise<int>> promises(static_cast<std::size_t>(count));
    std::vector<std::size_t> order(promises.size());
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), std::mt19937(7)); // NOLINT: the same each time
    weft::runtime rt({.workers = workers});
    std::atomic<int> parked{0};
    std::atomic<long> sum{0};
    for (auto& p : promises)
        rt.spawn([&, f = p.get_future()] {
            ++parked;
            sum += f.await();
        });
    while (parked < count) std::this_thread::yield();
    std::vector<std::thread> wakers;
    for (std::size_t t = 0; t < 4; ++t)
        wakers.emplace_back([&, t] {
            for (std::size_t i = t; i < order.size(); i += 4)
                promises[order[i]].set_value(static_cast<int>(order[i]));
        });
    for (auto& w : wakers) w.join();
    rt.block_on([] {
        while (weft::metrics().live_tasks > 1) weft::yield();
    });
    CHECK(sum == static_cast<long>(count) * (count - 1) / 2);
}
