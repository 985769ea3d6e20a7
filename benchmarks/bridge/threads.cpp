// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <thread>

#include <weft/weft.hpp>

#include "bench.hpp"

using namespace std::chrono_literals;

namespace bench {

void threads_rtt() {
    table t;
    for (int r = 0; r < k_rounds; ++r) {
        t.add("floor: eventfd and epoll", floor_eventfd(5000));
        weft::thread_pool_executor pool({.max_workers = 1});
        weft::run({.workers = 1}, [&] {
            t.add("weft, from a task",
                  median_of_each(5000, [&] { weft::await(pool.submit([] {})); }));
        });
        t.add("weft, from a plain thread", median_of_each(5000, [&] { pool.submit([] {}).get(); }));
        for (const auto& peer : thread_peers()) t.add(peer.name, peer.round_trip(5000));
    }
    t.print("thread round trip", "us");
}

namespace {

constexpr int k_threads = 4, k_calls = 100'000, k_in_flight = 1000;

flood window_flood(weft::thread_pool_executor& pool) {
    std::vector<weft::future<void>> window(k_in_flight);
    return flood_of(k_calls, [&] {
        for (int i = 0; i < k_calls + k_in_flight; ++i) {
            auto& f = window[static_cast<std::size_t>(i % k_in_flight)];
            if (i >= k_in_flight) weft::await(f);
            if (i < k_calls) f = pool.submit([] {});
        }
    });
}

flood tasks_flood(weft::thread_pool_executor& pool) {
    std::vector<weft::task<void>> callers;
    return flood_of(k_calls, [&] {
        for (int i = 0; i < k_in_flight; ++i)
            callers.push_back(weft::create_task([&pool] {
                for (int k = 0; k < k_calls / k_in_flight; ++k) weft::await(pool.submit([] {}));
            }));
        for (auto& c : callers) weft::await(c);
    });
}

} // namespace

void threads_flood() {
    table rates, cpus;
    const auto add = [&](const char* name, flood f) {
        rates.add(name, f.rate);
        cpus.add(name, f.cpu);
    };
    for (int r = 0; r < k_rounds; ++r) {
        weft::thread_pool_executor pool({.max_workers = k_threads});
        weft::run({.workers = 1}, [&] {
            window_flood(pool); // its threads are there
            add("weft, one task with a window", window_flood(pool));
            add("weft, 1000 tasks", tasks_flood(pool));
        });
        for (const auto& peer : thread_peers())
            add(peer.name, peer.flood_calls(k_threads, k_calls, k_in_flight));
    }
    rates.print("thread flood", "million calls a second");
    cpus.print("thread flood", "us of CPU for each call");
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
