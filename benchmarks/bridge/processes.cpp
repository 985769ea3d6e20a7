// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
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
    table t;
    for (int r = 0; r < k_rounds; ++r) {
        t.add("floor: a bare socket pair", floor_socketpair(100, 5000));
        weft::process_pool_executor procs({.max_workers = 1});
        t.add("weft, from a plain thread", round_trip(procs, 100, 3000));
        weft::run({.workers = 1},
                  [&] { t.add("weft, from a task", round_trip(procs, 100, 3000)); });
    }
    t.print("process round trip, 100 bytes", "us");
}

void processes_payload() {
    table megabyte, sixteen;
    for (int r = 0; r < k_rounds; ++r) {
        weft::process_pool_executor procs({.max_workers = 1});
        megabyte.add("floor: shared memory, filled and read", floor_shared(1'000'000, 200));
        megabyte.add("weft, a string there and back", round_trip(procs, 1'000'000, 200));
        sixteen.add("floor: shared memory, filled and read", floor_shared(16'000'000, 15));
        sixteen.add("weft, a string there and back", round_trip(procs, 16'000'000, 15));
    }
    megabyte.print("process round trip, 1 MB", "us");
    sixteen.print("process round trip, 16 MB", "us");
}

void processes_flood() {
    constexpr int k_calls = 50'000, k_in_flight = 100;
    table rates;
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
            rates.add("weft", k_calls / (now_us() - begin) * 1000);
        });
    }
    rates.print("process flood, 100 bytes, 100 in flight", "thousand calls a second");
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

void pause_at(const std::string& file) {
    close(open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    for (;;) pause();
}

// From the death of a worker that runs a call to the exception at the caller.
void processes_death() {
    table t;
    std::vector<double> all;
    for (int r = 0; r < k_rounds; ++r) {
        weft::process_pool_executor procs({.max_workers = 1});
        std::vector<double> times;
        for (int i = 0; i < 20; ++i) {
            const int pid = procs.submit(getpid).get(); // a new worker, which has served
            const std::string flag = "/tmp/weft-bench-" + std::to_string(pid);
            auto call = procs.submit(pause_at, flag);
            while (unlink(flag.c_str()) != 0) usleep(100); // it runs now
            const double begin = now_us();
            kill(pid, SIGKILL);
            try {
                call.get();
            } catch (const weft::worker_died&) {}
            times.push_back(now_us() - begin);
        }
        t.add("median of 20", median(times));
        t.add("worst of 20", std::ranges::max(times));
    }
    t.print("a worker is killed: until worker_died is thrown", "us");
}

} // namespace bench
