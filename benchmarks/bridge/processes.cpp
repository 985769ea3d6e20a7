// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string>
#include <vector>

#include <weft/process.hpp>
#include <weft/weft.hpp>

#include "bench.hpp"

namespace bench {
namespace {

std::string echo(std::string s) { return s; }

// Both sides touch every byte: serialising copies it in, deserialising out.
double round_trip(weft::process_pool_executor& procs, std::size_t bytes, int n) {
    const std::string s(bytes, 'x');
    procs.submit(echo, s).get();
    procs.submit(echo, s).get();
    return median_of_each(n, [&] { static_cast<void>(weft::await(procs.submit(echo, s))); });
}

} // namespace

void processes_rtt() {
    std::vector<double> floors, plain, tasks, megabyte, sixteen;
    for (int r = 0; r < k_rounds; ++r) {
        floors.push_back(floor_socketpair(100, 5000));
        weft::process_pool_executor procs({.max_workers = 1});
        plain.push_back(round_trip(procs, 100, 3000));
        tasks.push_back(weft::run({.workers = 1}, [&] { return round_trip(procs, 100, 3000); }));
        megabyte.push_back(round_trip(procs, 1'000'000, 200));
        sixteen.push_back(round_trip(procs, 16'000'000, 15));
    }
    const double floor = median(floors);
    std::printf("process round trip, 100 B: floor %.2f us; from a thread %.2f us = %.2f x; from a "
                "task %.2f us = %.2f x\n",
                floor, median(plain), median(plain) / floor, median(tasks), median(tasks) / floor);
    std::printf("process round trip: 1 MB %.0f us, 16 MB %.2f ms\n", median(megabyte),
                median(sixteen) / 1000);
}

void processes_flood() {
    constexpr int k_calls = 50'000, k_in_flight = 100;
    std::vector<double> rates;
    for (int r = 0; r < k_rounds; ++r) {
        weft::process_pool_executor procs({.max_workers = 2});
        const std::string s(100, 'x');
        weft::run({.workers = 1}, [&] {
            std::vector<weft::future<std::string>> window(k_in_flight);
            const double begin = now_us();
            for (int i = 0; i < k_calls + k_in_flight; ++i) {
                auto& f = window[static_cast<std::size_t>(i % k_in_flight)];
                if (i >= k_in_flight) static_cast<void>(weft::await(f));
                if (i < k_calls) f = procs.submit(echo, s);
            }
            rates.push_back(k_calls / (now_us() - begin) * 1000);
        });
    }
    std::printf("process flood, 100 B, 100 in flight: %.0f k calls/s\n", median(rates));
}

void processes_start() {
    const auto starts = [] {
        std::vector<double> times;
        for (int i = 0; i < 3; ++i) {
            weft::process_pool_executor procs({.max_workers = 1, .max_tasks_per_child = 1});
            procs.submit(echo, std::string("x")).get(); // the fork server is there
            for (int k = 0; k < 20; ++k) {
                const double begin = now_us();
                procs.submit(echo, std::string("x")).get();
                times.push_back(now_us() - begin);
            }
        }
        return median(times);
    };
    const double small = starts();
    std::vector<char> large(std::size_t{1} << 29, 'x');
    std::printf("worker start to first answer: %.0f us; with 512 MB in the parent %.0f us\n", small,
                starts());
}

} // namespace bench
