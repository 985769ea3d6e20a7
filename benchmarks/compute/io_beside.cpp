// SPDX-License-Identifier: Apache-2.0
// How late a ticker and an echo connection of weft are while every core computes: in a parallel_for of the same runtime, or in
// as many plain threads. usage: compute-io-beside parallel_for|threads|nothing SECONDS THREADS
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <weft/weft.hpp>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

/// Some 100 ns of work that no compiler leaves out.
void work(std::size_t i) {
    double x = static_cast<double>(i);
    for (int k = 0; k < 50; ++k) x = x * 0.999 + 1.0;
    asm volatile("" : : "x"(x));
}

class latencies {
public:
    void add(clock_type::duration d) {
        us_.push_back(std::chrono::duration<double, std::micro>(d).count());
    }
    void print(const char* what) {
        if (us_.empty()) us_.push_back(0);
        std::sort(us_.begin(), us_.end());
        const auto at = [&](double q) {
            return us_[static_cast<std::size_t>(q * static_cast<double>(us_.size() - 1))];
        };
        std::printf("%s: p50 %.1f p99 %.1f max %.1f us of %zu\n", what, at(0.5), at(0.99),
                    us_.back(), us_.size());
    }

private:
    std::vector<double> us_;
};

/// Compute on all cores until the end; how many elements per second.
double compute(const std::string& how, clock_type::time_point end, unsigned threads) {
    const auto begin = clock_type::now();
    std::atomic<std::size_t> done{0};
    if (how == "parallel_for") {
        while (clock_type::now() < end) {
            weft::parallel_for(std::size_t{0}, std::size_t{10'000'000},
                               [&](std::size_t i) { work(i); });
            done += 10'000'000;
        }
    } else if (how == "threads") {
        std::vector<std::thread> all;
        for (unsigned t = 0; t < threads; ++t)
            all.emplace_back([&] {
                while (clock_type::now() < end) {
                    for (std::size_t i = 0; i < 10'000; ++i) work(i);
                    done += 10'000;
                }
            });
        weft::await(weft::run_in_executor([&] {
            for (auto& t : all) t.join();
        }));
    } else {
        weft::sleep_for(end - clock_type::now());
    }
    return static_cast<double>(done) /
           std::chrono::duration<double>(clock_type::now() - begin).count();
}

void tick(clock_type::time_point end, latencies& late) {
    for (auto due = clock_type::now() + 1ms; due < end; due += 1ms) {
        weft::sleep_for(due - clock_type::now());
        const auto now = clock_type::now();
        late.add(now - due);
        if (now > due + 1ms) due = now; // those that were missed are one late one
    }
}

/// A client outside of the runtime: a plain thread that sends each millisecond and waits for the answer.
void ask(std::uint16_t port, clock_type::time_point end, latencies& round_trips) {
    prctl(PR_SET_TIMERSLACK, 1);
    auto s = weft::net::tcp_stream::connect("127.0.0.1", port);
    std::string buffer(64, 'x');
    while (clock_type::now() < end) {
        std::this_thread::sleep_for(1ms);
        const auto sent = clock_type::now();
        s.write_all(buffer);
        for (std::size_t n = 0; n < buffer.size();) n += s.read_some(buffer);
        round_trips.add(clock_type::now() - sent);
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: %s parallel_for|threads|nothing SECONDS THREADS\n", argv[0]);
        return 2;
    }
    const std::string how = argv[1];
    const auto threads = static_cast<unsigned>(std::atoi(argv[3]));
    latencies late, round_trips;
    double per_second = 0;
    weft::run({.workers = threads}, [&] {
        auto listener = weft::net::tcp_listener::bind("127.0.0.1", 0);
        const auto end = clock_type::now() + std::chrono::duration_cast<clock_type::duration>(
                                                 std::chrono::duration<double>(std::atof(argv[2])));
        std::thread client([&, port = listener.port()] { ask(port, end, round_trips); });
        auto echo = weft::create_task([&] {
            auto s = listener.accept();
            std::string buffer(64, ' ');
            while (const std::size_t n = s.read_some(buffer))
                s.write_all(std::string_view(buffer).substr(0, n));
        });
        auto ticker = weft::create_task([&] { tick(end, late); });
        per_second = compute(how, end, threads);
        weft::await(ticker);
        weft::await(echo);
        client.join();
    });
    late.print("ticker");
    round_trips.print("echo");
    std::printf("computed: %.0f elements/s\n", per_second);
}
