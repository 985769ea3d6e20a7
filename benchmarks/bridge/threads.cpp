// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <thread>

#include <weft/weft.hpp>

#include "bench.hpp"

using namespace std::chrono_literals;

namespace bench {

void threads_rtt() {
    std::vector<double> floors, tasks, plain;
    for (int r = 0; r < k_rounds; ++r) {
        floors.push_back(floor_eventfd(5000));
        weft::thread_pool_executor pool({.max_workers = 1});
        tasks.push_back(weft::run({.workers = 1}, [&] {
            return median_of_each(5000, [&] { weft::await(pool.submit([] {})); });
        }));
        plain.push_back(median_of_each(5000, [&] { pool.submit([] {}).get(); }));
    }
    const double floor = median(floors);
    std::printf("thread round trip: floor %.2f us; from a task %.2f us = %.2f x; from a thread "
                "%.2f us = %.2f x\n",
                floor, median(tasks), median(tasks) / floor, median(plain), median(plain) / floor);
}

void threads_flood() {
    constexpr int k_calls = 100'000, k_in_flight = 1000;
    std::vector<double> rates, cpus;
    for (int r = 0; r < k_rounds; ++r) {
        weft::thread_pool_executor pool({.max_workers = 4});
        weft::run({.workers = 1}, [&] {
            std::vector<weft::future<void>> window(k_in_flight);
            for (auto& f : window) f = pool.submit([] {});
            for (auto& f : window) weft::await(f);
            const double begin = now_us(), cpu = cpu_us();
            for (int i = 0; i < k_calls + k_in_flight; ++i) {
                auto& f = window[static_cast<std::size_t>(i % k_in_flight)];
                if (i >= k_in_flight) weft::await(f);
                if (i < k_calls) f = pool.submit([] {});
            }
            rates.push_back(k_calls / (now_us() - begin));
            cpus.push_back((cpu_us() - cpu) / k_calls);
        });
    }
    std::printf("thread flood: %.2f M calls/s, %.2f us of CPU each\n", median(rates), median(cpus));
}

void threads_storm() {
    std::vector<double> totals, lateness;
    for (int r = 0; r < k_rounds; ++r) {
        weft::thread_pool_executor pool({.max_workers = 64});
        weft::run({.workers = 1}, [&] {
            bool done = false;
            std::vector<double> late;
            auto ticker = weft::create_task([&] {
                while (!done) {
                    const auto due = weft::clock::now() + 1ms;
                    weft::sleep_until(due);
                    late.push_back(
                        std::chrono::duration<double, std::micro>(weft::clock::now() - due)
                            .count());
                }
            });
            const double begin = now_us();
            std::vector<weft::future<void>> calls;
            for (int i = 0; i < 1000; ++i)
                calls.push_back(pool.submit([] { std::this_thread::sleep_for(10ms); }));
            for (auto& c : calls) weft::await(c);
            totals.push_back((now_us() - begin) / 1000);
            done = true;
            weft::await(ticker);
            lateness.push_back(percentile(late, 0.99));
        });
    }
    std::printf("storm: 1000 calls of 10 ms on 64 threads %.1f ms; ticker late p99 %.0f us\n",
                median(totals), median(lateness));
}

} // namespace bench
