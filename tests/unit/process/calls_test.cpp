// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <set>

#include <weft/process.hpp>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::process_pool_executor;
using weft::testing::leak_fixture;
using weft::testing::over_workers;

namespace {

int twice(int x) { return 2 * x; }
std::string greet(const std::string& name, int times) {
    std::string s;
    for (int i = 0; i < times; ++i) s += "hello " + name + ";";
    return s;
}
long sum_of(std::vector<int> v) { return std::accumulate(v.begin(), v.end(), 0L); }

struct point {
    int x = 0;
    double y = 0;
    std::map<std::string, std::vector<int>> more = {};
    template <class Archive>
    void serialize(Archive& ar) {
        ar(x, y, more);
    }
    bool operator==(const point&) const = default;
};
point moved(point p) {
    p.x += 1;
    p.more["new"] = {1, 2};
    return p;
}

template <class Results>
auto all_of(Results results) {
    std::vector<typename Results::value_type> v;
    for (auto& r : results) v.push_back(std::move(r));
    return v;
}

// What a static initialiser found: in the program and in its workers.
const bool static_init_saw_worker = weft::in_worker_process();
const int static_init_runs = 1;

} // namespace

TEST_CASE("PRC-01: process pool: functions and captureless lambdas run in another process",
          "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 2});
        CHECK(weft::await(procs.submit(twice, 21)) == 42);
        CHECK(weft::await(procs.submit([](int a, int b) { return a + b; }, 2, 3)) == 5);
        CHECK(weft::await(weft::run_in_executor(procs, greet, "you", 2)) == "hello you;hello you;");
        CHECK(weft::await(procs.submit([](auto a) { return a + a; }, std::string("x"))) == "xx");
        CHECK(weft::await(procs.submit(std::plus<>(), 2, 3)) == 5);
        weft::await(procs.submit([] {}));
        const int pid = weft::await(procs.submit([] { return getpid(); }));
        CHECK(pid != getpid());
    });
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    CHECK(procs.submit(twice, 4).get() == 8); // from a plain thread
}

TEST_CASE("process pool: arguments and results of many types travel by value", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    const point p{1, 2.5, {{"a", {1, 2, 3}}}};
    point expected = p;
    expected.x = 2;
    expected.more["new"] = {1, 2};
    CHECK(procs.submit(moved, p).get() == expected);
    const auto same = [](std::tuple<std::optional<int>, std::variant<int, std::string>,
                                    std::unordered_map<int, bool>, std::array<char, 3>>
                             t) { return t; };
    const std::tuple<std::optional<int>, std::variant<int, std::string>,
                     std::unordered_map<int, bool>, std::array<char, 3>>
        t{7, "text", {{1, true}}, {'a', 'b', 'c'}};
    CHECK(procs.submit(same, t).get() == t);
    CHECK(*procs.submit([](int x) { return std::make_unique<int>(x); }, 3).get() == 3);
    CHECK(procs.submit([](const std::unique_ptr<int>& x) { return *x; }, std::make_unique<int>(9))
              .get() == 9);
    CHECK(procs.submit(sum_of, std::vector<int>{1, 2, 3}).get() == 6);
}

TEST_CASE("process pool: payloads of every size come back as they went", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 2});
    const auto reversed = [](std::string s) { return std::string(s.rbegin(), s.rend()); };
    for (std::size_t size : {0UL, 1UL, 255UL, 257UL, 65'000UL, 65'536UL, 65'537UL, 300'000UL,
                             1'000'000UL, 300'000UL, 20'000'000UL, 40'000'000UL, 70'000UL}) {
        std::string s(size, 'x');
        for (std::size_t i = 0; i < size; i += 97) s[i] = static_cast<char>('a' + i % 26);
        const std::string r = procs.submit(reversed, s).get();
        CHECK(std::equal(r.begin(), r.end(), s.rbegin(), s.rend()));
    }
    // Small arguments, a huge result; and the other way round.
    for (int i = 0; i < 3; ++i) {
        CHECK(procs.submit([](std::size_t n) { return std::string(n, 'r'); }, 3'000'000UL).get() ==
              std::string(3'000'000, 'r'));
        CHECK(
            procs.submit([](const std::string& s) { return s.size(); }, std::string(3'000'000, 'a'))
                .get() == 3'000'000);
    }
    // Several large ones at once, in both workers.
    std::vector<weft::future<std::string>> many;
    for (int i = 0; i < 20; ++i)
        many.push_back(procs.submit(reversed, std::string(200'000 + static_cast<std::size_t>(i),
                                                          static_cast<char>('a' + i))));
    for (int i = 0; i < 20; ++i)
        CHECK(many[static_cast<std::size_t>(i)].get() ==
              std::string(200'000 + static_cast<std::size_t>(i), static_cast<char>('a' + i)));
}

TEST_CASE("PRC-02: process pool: exceptions come back with type, text and the stack of the throw",
          "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 1});
        const auto thrown_by = [](auto future) {
            try {
                weft::await(future);
            } catch (const weft::remote_error& e) { return e; }
            FAIL("nothing was thrown");
            throw 0;
        };
        const auto e = thrown_by(procs.submit(
            [](int x) -> int {
                if (x > 0) throw std::out_of_range("too far");
                return x;
            },
            1));
        CHECK(e.type_name() == "std::out_of_range");
        CHECK(e.what() == std::string("too far"));
        CHECK_THAT(e.stack(), Catch::Contains("+0x"));
        CHECK_THAT(e.stack(), !Catch::Contains("__cxa_throw"));
        CHECK(thrown_by(procs.submit([] { throw 7; })).type_name() == "int");
        CHECK(thrown_by(procs.submit([] { throw std::string("text"); })).what() ==
              std::string("text"));
        CHECK(thrown_by(procs.submit([] { throw weft::cancelled_error("mine"); })).what() ==
              std::string("mine"));
        // One that is caught inside costs nothing.
        CHECK(weft::await(procs.submit([] {
                  try {
                      throw 1;
                  } catch (int x) { return x; }
              })) == 1);
        CHECK(weft::await(procs.submit(twice, 1)) == 2);
    });
}

namespace {

struct can_t_be_written {
    template <class Archive>
    void save(Archive&) const {
        throw std::runtime_error("not this one");
    }
    template <class Archive>
    void load(Archive&) {}
};
struct can_t_be_read {
    template <class Archive>
    void save(Archive& ar) const {
        ar(1);
    }
    template <class Archive>
    void load(Archive&) {
        throw std::runtime_error("unreadable");
    }
};

} // namespace

TEST_CASE(
    "PRC-04 PRC-05 PRC-06: process pool: what can't be encoded or decoded costs its own call only",
    "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    CHECK_THROWS_WITH(procs.submit([](const can_t_be_written&) {}, can_t_be_written()),
                      "not this one"); // at the caller, at once
    CHECK_THROWS_AS(procs.submit([] { return can_t_be_written(); }).get(), weft::remote_error);
    CHECK_THROWS_WITH(procs.submit([] { return can_t_be_read(); }).get(),
                      Catch::Contains("unreadable"));
    CHECK_THROWS_WITH(procs.submit([](const can_t_be_read&) {}, can_t_be_read()).get(),
                      "unreadable");
    CHECK(procs.submit(twice, 2).get() == 4);
}

TEST_CASE("process pool: map gives results in order, from threads and tasks alike", "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 2});
        std::vector<int> inputs(500);
        std::iota(inputs.begin(), inputs.end(), 0);
        std::vector<int> expected(inputs);
        for (int& x : expected) x *= 2;
        for (std::size_t chunk : {0, 1, 64})
            CHECK(all_of(procs.map(twice, inputs, {.chunk_size = chunk})) == expected);
        CHECK(all_of(procs.map([](const std::string& s) { return s.size(); },
                               std::vector<std::string>{"a", "bb"})) ==
              std::vector<std::size_t>{1, 2});
        int calls = 0;
        for ([[maybe_unused]] auto& nothing : procs.map([](int) {}, inputs)) ++calls;
        CHECK(calls == 500);
        std::vector<int> seen;
        CHECK_THROWS_AS(
            [&] {
                for (int r : procs.map(
                         [](int x) {
                             if (x == 5) throw std::runtime_error("five");
                             return x;
                         },
                         inputs, {.chunk_size = 4}))
                    seen.push_back(r);
            }(),
            weft::remote_error);
        CHECK(seen == std::vector<int>{0, 1, 2, 3, 4});
        const auto before = procs.worker_pids();
        {
            auto abandoned = procs.map(twice, inputs, {.chunk_size = 1});
            static_cast<void>(*abandoned.begin());
        }
        CHECK(weft::await(procs.submit(twice, 3)) == 6);
        CHECK(procs.worker_pids() == before); // nobody was killed for that
    });
}

TEST_CASE("PRC-11: process pool: workers come as calls need them, begin with the initializer, and "
          "bear the "
          "limits",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 3,
                                 .initializer = [] { setenv("WEFT_TEST_INITIALIZED", "yes", 1); },
                                 .limits = {.open_files = 33}});
    CHECK(procs.worker_pids().empty());
    for (int i = 0; i < 5; ++i)
        CHECK(procs.submit([] { return std::string(getenv("WEFT_TEST_INITIALIZED")); }).get() ==
              "yes");
    CHECK(procs.worker_pids().size() == 1);
    CHECK(procs
              .submit([] {
                  rlimit l{};
                  getrlimit(RLIMIT_NOFILE, &l);
                  return l.rlim_max;
              })
              .get() == 33);
    CHECK(getenv("WEFT_TEST_INITIALIZED") == nullptr);
}

TEST_CASE("PRC-11: process pool: a worker is replaced after max_tasks_per_child calls",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1, .max_tasks_per_child = 2});
    std::vector<int> pids;
    for (int i = 0; i < 6; ++i) pids.push_back(procs.submit(getpid).get());
    CHECK(pids[0] == pids[1]);
    CHECK(pids[2] == pids[3]);
    CHECK(pids[4] == pids[5]);
    CHECK(std::set<int>(pids.begin(), pids.end()).size() == 3);
    // The same with many under way.
    std::vector<weft::future<int>> many;
    for (int i = 0; i < 50; ++i) many.push_back(procs.submit(twice, i));
    for (int i = 0; i < 50; ++i) CHECK(many[static_cast<std::size_t>(i)].get() == 2 * i);
}

TEST_CASE(
    "PRC-10: process pool: the worker has static initialisers, no main, and none of the program's "
    "descriptors",
    "[process]") {
    leak_fixture nothing_leaks;
    CHECK_FALSE(static_init_saw_worker);
    CHECK_FALSE(weft::in_worker_process());
    int secret[2];
    REQUIRE(pipe(secret) == 0); // without close-on-exec
    // The program has workers and a running loop meanwhile; the child has neither.
    const auto finds_no_runtime = [] {
        try {
            static_cast<void>(weft::metrics());
        } catch (const std::logic_error&) {
            std::size_t threads = 0;
            for ([[maybe_unused]] auto& e : std::filesystem::directory_iterator("/proc/self/task"))
                ++threads;
            return threads == 1 || weft::detail::k_tsan; // which has one of its own
        }
        return false;
    };
    weft::run({.workers = 2}, [&] {
        process_pool_executor procs({.max_workers = 1});
        CHECK(weft::await(procs.submit(finds_no_runtime)));
    });
    {
        process_pool_executor procs({.max_workers = 1});
        CHECK(procs.submit([] { return static_init_saw_worker && static_init_runs == 1; }).get());
        CHECK(procs.submit([] { return weft::in_worker_process(); }).get());
        CHECK(procs.submit([] { return getenv("WEFT_PROCESS") == nullptr; }).get());
        // 0, 1, 2, its socket and the bell; the folder's own while it is listed.
        const auto open_ones = procs.submit([] {
            std::size_t n = 0;
            for ([[maybe_unused]] auto& e : std::filesystem::directory_iterator("/proc/self/fd"))
                ++n;
            return n;
        });
        CHECK(open_ones.get() == 6);
    }
    close(secret[0]);
    close(secret[1]);
}

TEST_CASE("process pool: what a call prints is out before its result", "[process]") {
    leak_fixture nothing_leaks;
    const int out = dup(STDOUT_FILENO);
    char name[] = "/tmp/weft-print-XXXXXX";
    const int file = mkstemp(name);
    dup2(file, STDOUT_FILENO);
    std::string text;
    {
        process_pool_executor procs({.max_workers = 1});
        procs
            .submit([] {
                std::printf("from a worker\n");
                std::cout << "and again\n";
            })
            .get();
        char buffer[100];
        const ssize_t n = pread(file, buffer, sizeof buffer, 0);
        text.assign(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
    dup2(out, STDOUT_FILENO);
    close(out);
    close(file);
    unlink(name);
    CHECK(text == "from a worker\nand again\n");
}

TEST_CASE("process pool: a pool inside a worker is refused, a runtime is not", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    try {
        procs
            .submit([] {
                process_pool_executor inner;
                return inner.submit(twice, 1).get();
            })
            .get();
        FAIL("it ran");
    } catch (const weft::remote_error& e) { CHECK(e.type_name() == "std::logic_error"); }
    CHECK(procs
              .submit([] {
                  return weft::run({.workers = 2}, [] {
                      auto t = weft::create_task([] { return 4; });
                      return weft::await(t) + weft::await(weft::run_in_executor(twice, 3));
                  });
              })
              .get() == 10);
}

TEST_CASE("process pool: shutdown lets queued calls run, or cancels them; then it takes no more",
          "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 1});
        std::vector<weft::future<int>> calls;
        for (int i = 0; i < 20; ++i) calls.push_back(procs.submit(twice, i));
        procs.shutdown();
        for (int i = 0; i < 20; ++i) CHECK(calls[static_cast<std::size_t>(i)].result() == 2 * i);
        CHECK(procs.worker_pids().empty());
        CHECK_THROWS_AS(procs.submit(twice, 1), weft::runtime_closed);
        procs.shutdown();

        process_pool_executor other({.max_workers = 1});
        weft::await(other.submit([] {})); // the worker is there
        auto running = other.submit([] { usleep(50'000); });
        while (weft::await(weft::create_task([&] { return other.worker_pids().empty(); }))) {}
        weft::sleep_for(10ms);
        calls.clear();
        for (int i = 0; i < 20; ++i) calls.push_back(other.submit(twice, i));
        other.shutdown({.cancel_futures = true});
        CHECK_NOTHROW(running.result());
        for (auto& c : calls) CHECK(c.cancelled());
    });
}

TEST_CASE("process pool: shutdown with a limit kills what still runs", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    auto endless = procs.submit([] {
        for (;;) pause();
    });
    procs.shutdown({.timeout = 20ms});
    CHECK(endless.cancelled());
}

TEST_CASE("process pool: many calls from many tasks and threads all come back", "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 2});
        std::vector<weft::task<long>> tasks;
        for (int t = 0; t < 8; ++t)
            tasks.push_back(weft::create_task([&procs, t] {
                long sum = 0;
                for (int i = 0; i < 50; ++i) sum += weft::await(procs.submit(twice, t * i));
                return sum;
            }));
        std::vector<weft::future<int>> flood;
        for (int i = 0; i < 500; ++i) flood.push_back(procs.submit(twice, i));
        long total = 0;
        for (auto& f : flood) total += weft::await(f);
        CHECK(total == 499L * 500);
        long expected = 0, sum = 0;
        for (int t = 0; t < 8; ++t) expected += 2L * t * 1225;
        for (auto& t : tasks) sum += weft::await(t);
        CHECK(sum == expected);
    });
}
