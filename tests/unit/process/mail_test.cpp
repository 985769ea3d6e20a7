// SPDX-License-Identifier: Apache-2.0
// Answers that are received by who waits for them: plain threads, runtimes, and what they leave to the manager.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include <weft/process.hpp>

#include "support/kernel_view.hpp"
#include "support/runtimes.hpp"
#include "support/signpost.hpp"

using namespace std::chrono_literals;
using weft::process_pool_executor;
using weft::testing::eventually;
using weft::testing::is_asleep;
using weft::testing::leak_fixture;
using weft::testing::many;
using weft::testing::over_workers;
using weft::testing::signpost;
using weft::testing::sleeps_of;
using weft::testing::this_thread_folder;
using weft::testing::thread_named;
using weft::testing::waits_for;

namespace {

int twice(int x) { return 2 * x; }
std::string echo(std::string s) { return s; }
/// Waits for a signpost, and dies of it.
int dies_at(const std::string& name) {
    waits_for(name);
    raise(SIGKILL);
    return 0;
}

/// Reading it takes a while.
struct slow_to_read {
    int x = 0;
    template <class Archive>
    void save(Archive& ar) const {
        ar(x);
    }
    template <class Archive>
    void load(Archive& ar) {
        usleep(20'000);
        ar(x);
    }
};
slow_to_read slowly_at(const std::string& name) { return {waits_for(name)}; }

/// A plain thread that does something once another one sleeps.
template <class F>
std::thread once_asleep(const std::string& thread, F f) {
    return std::thread([thread, f] {
        static_cast<void>(eventually([&] { return is_asleep(thread); }));
        f();
    });
}

/// How often the manager goes to sleep while f runs, once it has nothing else to do.
template <class F>
long wakes_of_manager(F f) {
    std::string manager;
    CHECK(eventually([&] {
        manager = thread_named("weft-procs"); // not an earlier pool's, which is on its way out
        const long before = sleeps_of(manager);
        usleep(20'000);
        return sleeps_of(manager) == before && is_asleep(manager);
    }));
    const long before = sleeps_of(manager);
    f();
    return sleeps_of(manager) - before;
}

} // namespace

TEST_CASE("process pool: a task's runtime receives its answers, and the manager sleeps",
          "[process]") {
    over_workers([] {
        process_pool_executor procs({.max_workers = 1});
        CHECK(weft::await(procs.submit(twice, 1)) == 2); // from here on the runtime listens
        CHECK(wakes_of_manager([&] {
                  for (int i = 0; i < 50; ++i) CHECK(weft::await(procs.submit(twice, i)) == 2 * i);
              }) == 0);
    });
}

TEST_CASE("process pool: a plain thread that waits receives its answer, and the manager sleeps",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    CHECK(procs.submit(twice, 1).get() == 2);
    CHECK(wakes_of_manager([&] {
              signpost post;
              auto call = procs.submit(waits_for, post.name());
              auto other = once_asleep(this_thread_folder(), [&] { post.put_up(); });
              CHECK(call.get() == 1);
              other.join();
          }) == 0);
}

TEST_CASE("process pool: an answer that nobody waits for is received all the same", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    for (int i = 0; i < 20; ++i) {
        auto call = procs.submit(twice, i);
        REQUIRE(eventually([&] { return call.done(); }));
        CHECK(call.result() == 2 * i);
    }
}

TEST_CASE("process pool: answers of every size arrive, at threads and at tasks", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    const auto all_sizes = [&] {
        for (const std::size_t size :
             {0, 1, 100, 2039, 2040, 2041, 2048, 2049, 60'000, 70'000, 1'000'000})
            for (int i = 0; i < 3; ++i) {
                const std::string s(size, static_cast<char>('a' + i));
                CHECK(weft::await(procs.submit(echo, s)) == s);
            }
    };
    all_sizes();
    weft::run({.workers = 1}, all_sizes);
    CHECK_THROWS_WITH(procs.submit([]() -> int { throw std::runtime_error("by mail"); }).get(),
                      "by mail");
}

TEST_CASE(
    "process pool: a plain thread that waits for mail hears of a worker's death and of a cancel",
    "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    for (int i = 0; i < 10; ++i) {
        const bool dies = i % 2 == 0;
        CAPTURE(dies);
        signpost post;
        auto call = procs.submit(dies ? dies_at : waits_for, post.name());
        auto other = once_asleep(this_thread_folder(), [&] {
            if (dies)
                post.put_up();
            else
                call.cancel("enough");
        });
        if (dies)
            CHECK_THROWS_AS(call.get(), weft::worker_died);
        else
            CHECK_THROWS_AS(call.get(), weft::cancelled_error);
        other.join();
        CHECK(procs.submit(twice, i).get() == 2 * i);
    }
}

TEST_CASE("process pool: who waits no longer leaves his answer to the manager", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    signpost post;
    auto call = procs.submit(waits_for, post.name());
    CHECK(call.wait_for(5ms) == std::future_status::timeout);
    CHECK(call.wait_for(5ms) == std::future_status::timeout);
    post.put_up();
    CHECK(eventually([&] { return call.done(); }));
    CHECK(call.result() == 1);
}

TEST_CASE("process pool: of several threads that wait for one call all are told", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    signpost post;
    auto call = procs.submit(waits_for, post.name());
    std::atomic<int> sum{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&, call] { sum += call.get(); });
    auto other = once_asleep(this_thread_folder(), [&] { post.put_up(); });
    CHECK(call.get() == 1);
    for (auto& t : threads) t.join();
    other.join();
    CHECK(sum == 4);
}

TEST_CASE("process pool: a shutdown waits for answers that others have received", "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    signpost post;
    auto call = procs.submit(slowly_at, post.name());
    bool is_done = false;
    auto other = once_asleep(this_thread_folder(), [&] {
        post.put_up();
        procs.shutdown();
        is_done = call.done();
    });
    CHECK(call.get().x == 1);
    other.join();
    CHECK(is_done);
}

TEST_CASE("process pool: a done callback of who receives can't wait for the pool's shutdown",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    signpost post;
    auto call = procs.submit(waits_for, post.name());
    bool refused = false;
    call.add_done_callback([&] {
        try {
            procs.shutdown();
        } catch (const weft::would_deadlock&) { refused = true; }
    });
    auto other = once_asleep(this_thread_folder(), [&] { post.put_up(); });
    CHECK(call.get() == 1);
    other.join();
    CHECK(refused);
}

TEST_CASE("process pool: calls that come while a thread waits for its mail do not wait for it",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    signpost post;
    auto first = procs.submit(waits_for, post.name());
    std::vector<weft::future<int>> later;
    auto other = once_asleep(this_thread_folder(), [&] {
        for (int i = 0; i < 20; ++i) later.push_back(procs.submit(twice, i));
        post.put_up();
    });
    CHECK(first.get() == 1);
    other.join();
    for (int i = 0; i < 20; ++i) CHECK(later[static_cast<std::size_t>(i)].get() == 2 * i);
}

TEST_CASE("process pool: a runtime that ends leaves the answers that it has not seen to others",
          "[process]") {
    const bool waits = GENERATE(true, false);
    CAPTURE(waits);
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 2});
    for (int i = 0; i < 3; ++i) {
        signpost post;
        auto call = weft::run({.workers = 1}, [&] {
            CHECK(weft::await(procs.submit(twice, 1)) == 2);
            return procs.submit(waits_for, post.name());
        });
        post.put_up();
        if (!waits) REQUIRE(eventually([&] { return call.done(); }));
        CHECK(call.get() == 1);
    }
}

TEST_CASE("process pool: a runtime that is stuck keeps no answer from a thread that waits for it",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 1});
    signpost post;
    std::promise<weft::future<int>> submitted;
    std::atomic<bool> answered{false};
    std::thread waiter([&] {
        auto call = submitted.get_future().get();
        post.put_up();
        CHECK(call.get() == 1);
        answered = true;
    });
    weft::event_loop loop;
    loop.run_until_complete([&] {
        CHECK(weft::await(procs.submit(twice, 1)) == 2);
        submitted.set_value(procs.submit(waits_for, post.name()));
        while (!answered) usleep(100);
    });
    waiter.join();
}

TEST_CASE("process pool: pools come and go in one runtime", "[process]") {
    over_workers([] {
        for (int i = 0; i < 10; ++i) {
            process_pool_executor one({.max_workers = 1}), other({.max_workers = 1});
            for (int k = 0; k < 3; ++k) {
                auto a = one.submit(twice, k), b = other.submit(twice, i);
                CHECK(weft::await(a) == 2 * k);
                CHECK(weft::await(b) == 2 * i);
            }
        }
    });
}

TEST_CASE("process pool: threads and tasks of two runtimes, cancels and crashes, in one pool",
          "[process]") {
    leak_fixture nothing_leaks;
    process_pool_executor procs({.max_workers = 2, .limits = {.core_size = 0}});
    std::atomic<int> wrong{0}, ended{0};
    const int calls = many(300);
    const auto client = [&](unsigned seed) {
        std::minstd_rand random(seed);
        for (int i = 0; i < calls; ++i, ++ended) {
            const auto dice = random() % 64;
            auto call =
                dice == 0 ? procs.submit([](int) -> int { _exit(1); }, i) : procs.submit(twice, i);
            if (dice == 1) call.cancel();
            if (dice == 2) static_cast<void>(call.wait_for(std::chrono::microseconds(i)));
            try {
                if (weft::await(call) != 2 * i) ++wrong;
            } catch (const weft::worker_died&) {
                wrong += dice != 0;
            } catch (const weft::cancelled_error&) { wrong += dice != 1; }
        }
    };
    std::vector<std::thread> all;
    for (unsigned i = 0; i < 2; ++i) all.emplace_back(client, i + 1);
    for (unsigned i = 0; i < 2; ++i)
        all.emplace_back([&, i] {
            weft::run({.workers = 2}, [&] {
                auto a = weft::create_task([&] { client(10 * i + 3); });
                auto b = weft::create_task([&] { client(10 * i + 4); });
                weft::await(a);
                weft::await(b);
            });
        });
    for (auto& t : all) t.join();
    CHECK(wrong == 0);
    CHECK(ended == 6 * calls);
}
