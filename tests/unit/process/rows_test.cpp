// SPDX-License-Identifier: Apache-2.0
// What concurrent.futures promises of pools: the contract of both kinds, and what is special to processes.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <set>

#include <weft/process.hpp>

#include "support/runtimes.hpp"
#include "support/signpost.hpp"

using namespace std::chrono_literals;
using weft::process_pool_executor;
using weft::thread_pool_executor;
using weft::testing::leak_fixture;
using weft::testing::over_workers;
using weft::testing::signpost;
using weft::testing::waits_for;

namespace {

int twice(int x) { return 2 * x; }
int fails_at_three(int x) {
    if (x == 3) throw std::runtime_error("three");
    return x;
}

template <class Results>
std::vector<int> all_of(Results results) {
    std::vector<int> v;
    for (int r : results) v.push_back(r);
    return v;
}

/// What a pool of any kind promises; its options are max_workers alone.
template <class Pool>
void keeps_the_contract() {
    {
        Pool pool({.max_workers = 2});
        CHECK(weft::await(pool.submit(twice, 4)) == 8);
        CHECK(weft::await(weft::run_in_executor(pool, twice, 5)) == 10);
        CHECK_THROWS_WITH(weft::await(pool.submit(fails_at_three, 3)), "three");
        CHECK(all_of(pool.map(twice, std::vector<int>{3, 1, 2})) == std::vector<int>{6, 2, 4});
        std::vector<int> seen;
        CHECK_THROWS_WITH(
            [&] {
                for (int r : pool.map(fails_at_three, std::vector<int>{1, 2, 3, 4}))
                    seen.push_back(r);
            }(),
            "three");
        CHECK(seen == std::vector<int>{1, 2});
        std::vector<weft::future<int>> calls;
        for (int i = 0; i < 50; ++i) calls.push_back(pool.submit(twice, i));
        CHECK(weft::wait(calls).done.size() == 50);
        for (int i = 0; i < 50; ++i) CHECK(calls[static_cast<std::size_t>(i)].result() == 2 * i);
    }
    signpost go;
    Pool pool({.max_workers = 1});
    auto running = pool.submit(waits_for, go.name());
    std::vector<weft::future<int>> queued;
    for (int i = 0; i < 20; ++i) queued.push_back(pool.submit(twice, i));
    CHECK(queued.back().cancel());
    CHECK(queued.back().cancelled());
    CHECK(running.wait_for(1ms) == std::future_status::timeout);
    pool.shutdown({.wait = false});
    CHECK_THROWS_AS(pool.submit(twice, 1), weft::runtime_closed);
    go.put_up();
    CHECK(weft::await(running) == 1);
    for (std::size_t i = 0; i + 1 < queued.size(); ++i)
        CHECK(weft::await(queued[i]) == 2 * static_cast<int>(i)); // they were accepted
    pool.shutdown();

    signpost go_on;
    Pool other({.max_workers = 1});
    auto first = other.submit(waits_for, go_on.name());
    queued.clear();
    for (int i = 0; i < 20; ++i) queued.push_back(other.submit(twice, i));
    other.shutdown({.wait = false, .cancel_futures = true});
    go_on.put_up();
    other.shutdown();
    CHECK(first.done());
    int cancelled = 0;
    for (auto& q : queued) cancelled += q.cancelled();
    CHECK(cancelled >= 10); // a few may have been on their way to the worker
    for (auto& q : queued) CHECK(q.done());
}

} // namespace

TEST_CASE("PRC-12: pools of threads and of processes keep the same contract", "[process]") {
    over_workers([] {
        keeps_the_contract<thread_pool_executor>();
        keeps_the_contract<process_pool_executor>();
    });
}

TEST_CASE(
    "PRC-07: a worker that dies while large arguments are on their way costs its own call, and "
    "nothing hangs",
    "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 2});
        const auto dies_at_odd = [](const std::string& s, int n) -> std::size_t {
            if (n % 2 == 1) raise(SIGKILL);
            return s.size();
        };
        const std::size_t size = 4 << 20;
        std::vector<weft::future<std::size_t>> calls;
        for (int i = 0; i < 10; ++i)
            calls.push_back(procs.submit(dies_at_odd, std::string(size, 'x'), i));
        for (int i = 0; i < 10; ++i) {
            auto& call = calls[static_cast<std::size_t>(i)];
            if (i % 2 == 1)
                CHECK_THROWS_AS(weft::await(call), weft::worker_died);
            else
                CHECK(weft::await(call) == size);
        }
    });
}

TEST_CASE("PRC-08: more calls than any pipe holds are accepted without a wait for the workers",
          "[process]") {
    leak_fixture nothing_leaks;
    signpost go;
    process_pool_executor procs({.max_workers = 1});
    auto first = procs.submit(waits_for, go.name());
    std::vector<weft::future<std::size_t>> calls; // two megabytes, while nobody reads
    for (int i = 0; i < 2000; ++i)
        calls.push_back(
            procs.submit([](const std::string& s) { return s.size(); }, std::string(1000, 'x')));
    CHECK_FALSE(first.done());
    go.put_up();
    CHECK(first.get() == 1);
    std::size_t sum = 0;
    for (auto& c : calls) sum += c.get();
    CHECK(sum == 2'000'000);
}

TEST_CASE("PRC-09: at shutdown queued calls finish, and no process is left, alive or a zombie",
          "[process]") {
    leak_fixture nothing_leaks; // descriptors and threads
    std::vector<weft::future<int>> calls;
    std::vector<int> pids;
    {
        process_pool_executor procs({.max_workers = 2});
        for (int i = 0; i < 100; ++i) calls.push_back(procs.submit(twice, i));
        pids = procs.worker_pids();
        procs.shutdown();
        CHECK(procs.worker_pids().empty());
    }
    for (int i = 0; i < 100; ++i) CHECK(calls[static_cast<std::size_t>(i)].result() == 2 * i);
    for (int pid : pids) CHECK(kill(pid, 0) == -1);
    siginfo_t info{};
    CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == -1); // not one child, of any kind
    CHECK(errno == ECHILD);
}
