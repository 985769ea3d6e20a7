// SPDX-License-Identifier: Apache-2.0
// Workers that die, calls that are cancelled, servers and parents that go.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include <weft/process.hpp>

#include "support/child.hpp"
#include "support/kernel_view.hpp"
#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::process_pool_executor;
using weft::testing::eventually;
using weft::testing::leak_fixture;
using weft::testing::over_workers;
using weft::testing::sleeps_of;
using weft::testing::thread_named;

namespace {

int twice(int x) { return 2 * x; }
int crash(int) {
    raise(SIGKILL);
    return 0;
}
void sleep_long() { sleep(1000); }
/// Says by a file that it runs.
void sleep_long_at(const std::string& file) {
    std::ofstream(file) << "here";
    sleep(1000);
}
void compute_for_ever() {
    for (volatile bool on = true; on;) {}
}

weft::worker_died death_of(const weft::future<int>& f) {
    try {
        weft::await(f);
    } catch (const weft::worker_died& e) { return e; }
    throw std::runtime_error("the worker lived");
}

bool is_alive(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string pid_text, name, state;
    file >> pid_text >> name >> state;
    return !state.empty() && state != "Z";
}

pid_t parent_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text, name, state;
    pid_t parent = 0;
    file >> text >> name >> state >> parent;
    return parent;
}

std::size_t zombies_of_this_process() {
    std::size_t n = 0;
    siginfo_t info{};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) ++n;
    return n;
}

} // namespace

TEST_CASE("process pool: a worker that dies costs the call it ran, whatever killed it",
          "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 1, .limits = {.core_size = 0}});
        const auto by_signal = death_of(procs.submit(crash, 0));
        CHECK(by_signal.signal() == SIGKILL);
        CHECK(by_signal.exit_status() == -1);
        CHECK_THAT(by_signal.what(), Catch::Contains("signal 9"));
        const auto by_exit = death_of(procs.submit([](int code) -> int { _exit(code); }, 3));
        CHECK(by_exit.signal() == 0);
        CHECK(by_exit.exit_status() == 3);
        CHECK(death_of(procs.submit([](int code) -> int { std::exit(code); }, 0)).exit_status() ==
              0);
        CHECK(death_of(procs.submit([]() -> int {
                  signal(SIGABRT, SIG_DFL);
                  std::abort();
              })).signal() == SIGABRT);
        CHECK(weft::await(procs.submit(twice, 2)) == 4);
    });
    CHECK(zombies_of_this_process() == 0);
}

TEST_CASE("process pool: a death is told by the kernel: nobody wakes up to look for one",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    const int worker = procs.submit(getpid).get();
    const auto flag = std::filesystem::temp_directory_path() /
                      ("weft-test-" + std::to_string(worker)); // a pid: nobody else's
    auto running = procs.submit(sleep_long_at, flag.string());
    REQUIRE(eventually([&] { return std::filesystem::exists(flag); }));
    std::filesystem::remove(flag);
    const std::string manager = thread_named("weft-procs"),
                      server = "/proc/" + std::to_string(parent_of(worker));
    REQUIRE(sleeps_of(manager) > 0);
    REQUIRE(sleeps_of(server) > 0);
    // What the call's beginning has to say to them comes to an end; a look now and then would not.
    CHECK(eventually([&] {
        const long before = sleeps_of(manager) + sleeps_of(server);
        usleep(50'000);
        return sleeps_of(manager) + sleeps_of(server) == before;
    }));
    CHECK_FALSE(running.done());
    kill(worker, SIGKILL);
    CHECK_THROWS_AS(running.get(), weft::worker_died);
}

TEST_CASE("process pool: calls beside and behind a crash go on", "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 2});
        std::vector<weft::future<int>> calls;
        for (int i = 0; i < 200; ++i)
            calls.push_back(i % 20 == 7 ? procs.submit(crash, i) : procs.submit(twice, i));
        for (int i = 0; i < 200; ++i) {
            auto& call = calls[static_cast<std::size_t>(i)];
            if (i % 20 == 7)
                CHECK_THROWS_AS(weft::await(call), weft::worker_died);
            else
                CHECK(weft::await(call) == 2 * i);
        }
    });
}

TEST_CASE("process pool: workers killed from outside while they are idle cost nothing",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 2});
    for (int i = 0; i < 10; ++i) {
        CHECK(procs.submit(twice, i).get() == 2 * i);
        for (int pid : procs.worker_pids()) kill(pid, SIGKILL);
    }
    CHECK(procs.submit(twice, 1).get() == 2);
}

TEST_CASE(
    "process pool: a cancel of a queued call removes it; of a running one kills the worker alone",
    "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 1});
        const int first = weft::await(procs.submit(getpid));
        auto running = procs.submit(sleep_long);
        weft::sleep_for(5ms); // it has begun
        std::vector<weft::future<int>> queued;
        for (int i = 0; i < 10; ++i) queued.push_back(procs.submit(twice, i));
        CHECK(queued[0].cancel("not needed"));
        CHECK(queued[7].cancel("not needed"));
        CHECK(queued[7].cancelled());
        CHECK(running.cancel("too slow"));
        CHECK_THROWS_AS(weft::await(running), weft::cancelled_error);
        for (int i = 0; i < 10; ++i)
            if (i != 0 && i != 7) CHECK(weft::await(queued[static_cast<std::size_t>(i)]) == 2 * i);
        CHECK(weft::await(procs.submit(getpid)) != first);
        CHECK(eventually([&] { return !is_alive(first); }));
    });
}

TEST_CASE("process pool: a time-out of a call kills its worker", "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 1});
        const int first = weft::await(procs.submit(getpid));
        CHECK_THROWS_AS(
            weft::wait_for(10ms, [&] { return weft::await(procs.submit(sleep_long)), 0; }),
            weft::timeout_error);
        CHECK(eventually([&] { return !is_alive(first); }));
        CHECK(weft::await(procs.submit(twice, 5)) == 10);
    });
}

TEST_CASE("process pool: cancels that race with answers lose nothing else", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 2});
    int done = 0, cancelled = 0;
    for (int round = 0; round < 100; ++round) {
        std::vector<weft::future<int>> calls;
        for (int i = 0; i < 8; ++i) calls.push_back(procs.submit(twice, i));
        if (round % 3 == 0) static_cast<void>(calls[0].wait_for(std::chrono::microseconds(round)));
        calls[static_cast<std::size_t>(round % 8)].cancel();
        for (int i = 0; i < 8; ++i) {
            auto& call = calls[static_cast<std::size_t>(i)];
            try {
                const int result = call.get();
                CHECK(result == 2 * i);
                ++done;
            } catch (const weft::cancelled_error&) {
                CHECK(i == round % 8);
                ++cancelled;
            }
        }
    }
    CHECK(done + cancelled == 800);
    CHECK(done >= 700);
}

TEST_CASE(
    "process pool: an initializer that throws or crashes breaks the pool, and every call says so",
    "[process]") {
    leak_fixture nothing_leaks;
    {
        process_pool_executor procs(
            {.max_workers = 1, .initializer = [] { throw std::runtime_error("no licence"); }});
        CHECK_THROWS_WITH(procs.submit(twice, 1).get(), Catch::Contains("no licence"));
        CHECK_THROWS_AS(procs.submit(twice, 1), weft::broken_executor);
    }
    process_pool_executor procs({.max_workers = 2, .initializer = [] { _exit(7); }});
    std::vector<weft::future<int>> calls;
    for (int i = 0; i < 3; ++i) calls.push_back(procs.submit(twice, i));
    for (auto& c : calls) CHECK_THROWS_WITH(c.get(), Catch::Contains("exited with status 7"));
}

TEST_CASE("process pool: a limit ends a worker, and that is told", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1, .limits = {.cpu_time = 1s, .core_size = 0}});
    try {
        procs.submit(compute_for_ever).get();
    } catch (const weft::worker_died& e) {
        CHECK((e.signal() == SIGKILL || e.signal() == SIGXCPU));
    }
    CHECK(procs.submit(twice, 1).get() == 2);
}

TEST_CASE("process pool: the fork server's own death costs running calls, and it is replaced",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    const int worker = procs.submit(getpid).get();
    const pid_t server = parent_of(worker);
    auto running = procs.submit(sleep_long);
    usleep(5000);
    kill(server, SIGKILL);
    CHECK_THROWS_AS(running.get(), weft::worker_died);
    CHECK(procs.submit(twice, 4).get() == 8);
    CHECK(eventually([&] { return !is_alive(worker); }));
    CHECK(zombies_of_this_process() == 0);
}

TEST_CASE("process pool: a forked child is refused, and leaves the parent's pool alone",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    CHECK(procs.submit(twice, 1).get() == 2);
    const auto end = weft::testing::in_child([&] {
        try {
            static_cast<void>(procs.submit(twice, 1));
        } catch (const std::logic_error&) { return 42; }
        return 1;
    });
    CHECK(end.exited_with(42));
    CHECK(procs.submit(twice, 2).get() == 4);
}

TEST_CASE("process pool: the program's death ends its workers, even those that compute",
          "[process]") {
    // The grandchildren must not outlive the child that is killed.
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        process_pool_executor procs({.max_workers = 2});
        const int pids[] = {procs.submit(getpid).get(), 0};
        static_cast<void>(procs.submit(compute_for_ever));
        usleep(20'000);
        static_cast<void>(!write(ends[1], pids, sizeof pids[0]));
        for (;;) pause();
    }
    int worker = 0;
    REQUIRE(read(ends[0], &worker, sizeof worker) == sizeof worker);
    const pid_t server = parent_of(worker);
    CHECK(is_alive(worker));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    CHECK(eventually([&] { return !is_alive(worker) && !is_alive(server); }));
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("process pool: a user's wait for any child does no harm", "[process]") {
    leak_fixture nothing_leaks;
    {
        process_pool_executor procs({.max_workers = 2});
        for (int i = 0; i < 5; ++i)
            CHECK_THROWS_AS(procs.submit(crash, i).get(), weft::worker_died);
        CHECK(zombies_of_this_process() == 0);
    }
    struct sigaction ignore {
    }, before{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGCHLD, &ignore, &before);
    {
        process_pool_executor procs({.max_workers = 1});
        CHECK_THROWS_AS(procs.submit(crash, 1).get(), weft::worker_died);
        CHECK(procs.submit(twice, 1).get() == 2);
    }
    sigaction(SIGCHLD, &before, nullptr);
}
