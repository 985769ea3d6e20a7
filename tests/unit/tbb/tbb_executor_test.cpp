// SPDX-License-Identifier: Apache-2.0
// Calls in an arena of oneTBB: results, errors, cancellation, shutdown.
#include <atomic>
#include <mutex>
#include <numeric>
#include <thread>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/task.h>

#include "support/gate.hpp"
#include "unit/tbb/support.hpp"

using namespace std::chrono_literals;
using weft::tbb_executor;
using weft::testing::counted;
using weft::testing::gate;
using weft::testing::tbb_session;

namespace {

long sum_in_tbb(const std::vector<long>& of) {
    return tbb::parallel_reduce(
        tbb::blocked_range<std::size_t>(0, of.size()), 0L,
        [&](const auto& part, long sum) {
            return std::accumulate(of.begin() + static_cast<long>(part.begin()),
                                   of.begin() + static_cast<long>(part.end()), sum);
        },
        std::plus<>{});
}

/// An executor whose one thread is held at the gate.
struct held_executor {
    gate g;
    tbb::task_arena arena{1, 0};
    tbb_executor tbb{arena};
    weft::future<void> first = tbb.submit([this] { g.pass(); });
    held_executor() { g.await_waiting(1); }
    ~held_executor() { g.open(); }
};

} // namespace

TEST_CASE("tbb: a task awaits an algorithm of oneTBB in an arena", "[tbb]") {
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    tbb_session session;
    weft::run({.workers = workers}, [] {
        tbb::task_arena arena(3);
        tbb_executor tbb(arena);
        std::vector<long> numbers(100'000);
        std::iota(numbers.begin(), numbers.end(), 0L);
        auto sum = weft::run_in_executor(tbb, [&] { return sum_in_tbb(numbers); });
        CHECK(weft::await(sum) == 100'000L * 99'999L / 2);
        CHECK(tbb.max_workers() == 3);
        CHECK(weft::await(weft::run_in_executor(
                  tbb, [] { return tbb::this_task_arena::max_concurrency(); })) == 3);
    });
}

TEST_CASE("tbb: calls without a runtime, with an arena of the executor's own", "[tbb]") {
    tbb_session session;
    tbb_executor tbb;
    std::vector<weft::future<int>> calls;
    for (int i = 0; i < 1000; ++i) calls.push_back(tbb.submit([](int x) { return x * x; }, i));
    for (int i = 0; i < 1000; ++i) CHECK(calls[static_cast<std::size_t>(i)].get() == i * i);
    int expected = 0;
    for (int square : tbb.map([](int x) { return x * x; }, std::views::iota(0, 100))) {
        CHECK(square == expected * expected);
        ++expected;
    }
    CHECK(expected == 100);
}

TEST_CASE("tbb: a call runs on a thread of oneTBB, inside one of its tasks", "[tbb]") {
    tbb_session session;
    tbb_executor tbb;
    CHECK(tbb.submit([] { return std::this_thread::get_id(); }).get() !=
          std::this_thread::get_id());
    CHECK(tbb.submit([] { return tbb::task::current_context() != nullptr; }).get());
}

TEST_CASE("tbb: an exception of any type is the future's", "[tbb]") {
    tbb_session session;
    tbb_executor tbb;
    auto number = tbb.submit([] { throw 42; });
    CHECK_THROWS_AS(number.get(), int);
    auto inside = tbb.submit([] {
        tbb::parallel_reduce(
            tbb::blocked_range<int>(0, 1000), 0,
            [](const auto&, int) -> int { throw std::out_of_range("in the body"); }, std::plus<>{});
    });
    CHECK_THROWS_AS(inside.get(), std::out_of_range);
    CHECK(tbb.submit([] { return 1; }).get() == 1);
}

TEST_CASE("tbb: a call that has not begun is cancelled and never runs", "[tbb]") {
    tbb_session session;
    held_executor held;
    std::atomic<bool> ran{false};
    auto call = held.tbb.submit([&ran, life = counted()] { ran = true; });
    CHECK(held.tbb.queued() == 1);
    CHECK(counted::alive == 1);
    CHECK(call.cancel("not needed"));
    CHECK(counted::alive == 0);
    CHECK(call.cancelled());
    held.g.open();
    held.tbb.shutdown();
    CHECK_FALSE(ran);
}

TEST_CASE("tbb: a call that runs goes on when it is cancelled, and its result is dropped",
          "[tbb]") {
    tbb_session session;
    held_executor held;
    CHECK(held.first.cancel("too late"));
    CHECK_THROWS_AS(held.first.get(), weft::cancelled_error);
    auto next = held.tbb.submit([] { return 2; });
    CHECK_FALSE(next.done());
    held.g.open();
    CHECK(next.get() == 2);
}

TEST_CASE("tbb: shutdown runs what was posted, or cancels it, and refuses the rest", "[tbb]") {
    tbb_session session;
    SECTION("runs it") {
        std::atomic<int> ran{0};
        {
            tbb_executor tbb;
            for (int i = 0; i < 100; ++i)
                weft::run_in_executor(tbb, [&] { ++ran; }).add_done_callback([] {});
        }
        CHECK(ran == 100);
    }
    SECTION("cancels it") {
        held_executor held;
        auto call = held.tbb.submit([life = counted()] {});
        held.tbb.shutdown({.wait = false, .cancel_futures = true});
        CHECK_THROWS_AS(call.get(), weft::cancelled_error);
        CHECK(counted::alive == 0);
        CHECK_THROWS_AS(held.tbb.submit([] {}), weft::runtime_closed);
        CHECK_FALSE(held.first.done());
        held.g.open();
        held.tbb.shutdown();
        CHECK(held.first.done());
        held.tbb.shutdown(); // again
    }
    SECTION("gives up waiting") {
        auto held = std::make_unique<gate>();
        tbb::task_arena arena(1, 0);
        weft::future<void> call;
        {
            tbb_executor tbb(arena);
            call = tbb.submit([&] { held->pass(); });
            held->await_waiting(1);
            tbb.shutdown({.timeout = 0ns});
        } // the destructor does not wait either
        CHECK_FALSE(call.done());
        held->open();
        call.get();
    }
}

TEST_CASE("tbb: a task that waits for shutdown lets others run", "[tbb]") {
    tbb_session session;
    weft::run({.workers = 1}, [] {
        tbb_executor tbb;
        weft::event go;
        auto call = tbb.submit([&] { go.wait(); });
        auto other = weft::create_task([&] { go.set(); });
        tbb.shutdown();
        CHECK(call.done());
        weft::await(other);
    });
}

TEST_CASE("tbb: a call that would wait for its own executor's shutdown is told so", "[tbb]") {
    tbb_session session;
    tbb_executor tbb;
    auto call = tbb.submit([&] { tbb.shutdown(); });
    CHECK_THROWS_AS(call.get(), weft::would_deadlock);
    auto other = tbb.submit([&] { // after a wait, maybe on another thread
        weft::promise<void> p;
        std::thread setter([&] { p.set_value(); });
        p.get_future().get();
        setter.join();
        tbb.shutdown();
    });
    CHECK_THROWS_AS(other.get(), weft::would_deadlock);
}

TEST_CASE("tbb: options that can't be met are refused", "[tbb]") {
    tbb_session session;
    tbb::task_arena arena(1, 0);
    CHECK_THROWS_AS(tbb_executor(arena, {.max_concurrency = 2}), std::invalid_argument);
    CHECK_THROWS_AS(tbb_executor({.max_concurrency = 4'000'000'000U}), std::invalid_argument);
    CHECK(tbb_executor({.max_concurrency = 3}).max_workers() == 3);
}

TEST_CASE("tbb: context variables are those of the caller", "[tbb]") {
    tbb_session session;
    static weft::task_local<int> number(0);
    weft::run({.workers = 2}, [] {
        tbb_executor tbb;
        weft::event go;
        number.set(7);
        auto call = tbb.submit([&] {
            go.wait(); // leaves its thread, and may come back on another
            return number.get();
        });
        auto plain = tbb.submit([] { return number.get(); });
        number.set(8);
        CHECK(weft::await(plain) == 7);
        go.set();
        CHECK(weft::await(call) == 7);
    });
}
