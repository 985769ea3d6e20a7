// SPDX-License-Identifier: Apache-2.0
// Callables that nobody has called yet.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include <unistd.h>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

template <class X>
concept can_await = requires(X x) {
    weft::await(x);
};
template <class X>
concept can_ensure_future = requires(X x) {
    weft::ensure_future(x);
};

} // namespace

TEST_CASE("CRO-01: making a coroutine runs nothing; await and create_task do", "[task]") {
    over_workers([] {
        int runs = 0;
        weft::coroutine c(
            [&](int a, const std::string& b) {
                ++runs;
                return b + std::to_string(a);
            },
            7, "x");
        static_assert(std::is_same_v<decltype(c), weft::coroutine<std::string>>);
        weft::yield();
        CHECK(runs == 0);
        CHECK(weft::await(c) == "x7");
        CHECK(runs == 1);
        weft::coroutine d([&] { return ++runs; });
        auto t = weft::create_task({.name = "d"}, d);
        CHECK(t.name() == "d");
        CHECK(weft::await(t) == 2);
    });
}

TEST_CASE("CRO-02: an awaited coroutine is a call: the same task, and nobody in between",
          "[task]") {
    weft::run({.workers = 1}, [] {
        int sibling = 0;
        auto t = weft::create_task([&] { ++sibling; });
        const auto me = weft::this_task::id();
        weft::coroutine c([] { return weft::this_task::id(); });
        CHECK(weft::await(c) == me);
        CHECK(sibling == 0);
        weft::await(t);
    });
}

TEST_CASE("CRO-08 CRO-09: a coroutine runs once; whoever awaits it again gets invalid_state",
          "[task]") {
    over_workers([] {
        weft::coroutine c([] { return 1; });
        const auto copy = c;
        CHECK(weft::await(c) == 1);
        CHECK_THROWS_AS(weft::await(c), weft::invalid_state);
        CHECK_THROWS_AS(weft::await(copy), weft::invalid_state);
        CHECK_THROWS_AS(weft::create_task(c), weft::invalid_state);

        weft::coroutine waits([] { weft::sleep_for(1ms); });
        auto t = weft::create_task(waits);
        CHECK_THROWS_AS(weft::await(waits), weft::invalid_state); // another one awaits it
        weft::await(t);

        weft::coroutine throws([] { throw std::runtime_error("x"); });
        CHECK_THROWS_AS(weft::await(throws), std::runtime_error);
        CHECK_THROWS_AS(weft::await(throws), weft::invalid_state);
    });
    weft::coroutine plain([] { return 3; });
    CHECK(weft::await(plain) == 3); // without any runtime
}

TEST_CASE("CRO-07: in debug mode a coroutine that is destroyed without having run is reported",
          "[task]") {
    std::vector<std::string> reports;
    weft::run({.workers = 1,
               .debug = true,
               .exception_handler =
                   [&](const weft::exception_context& what) { reports.push_back(what.message); }},
              [] {
                  {
                      weft::coroutine dropped([] {});
                  }
                  weft::coroutine used([] {});
                  weft::await(used);
              });
    REQUIRE(reports.size() == 1);
    CHECK(reports[0].find("never awaited") != std::string::npos);
}

TEST_CASE("CRO-10: what can't be awaited does not compile", "[task]") {
    static_assert(!can_await<int> && !can_await<std::string> && !can_await<int*>);
    static_assert(can_await<weft::future<int>> && can_await<weft::task<void>>);
    static_assert(can_await<weft::coroutine<int>>);
    static_assert(!can_ensure_future<int> && !can_ensure_future<std::string>);
    SUCCEED();
}

TEST_CASE("TSK-07: ensure_future gives a task or future back, and makes a task of the rest",
          "[task]") {
    over_workers([] {
        auto t = weft::create_task([] { return 1; });
        weft::task<int> same = weft::ensure_future(t);
        CHECK(same.core() == t.core());
        weft::promise<int> p;
        weft::future<int> f = p.get_future();
        CHECK(weft::ensure_future(f).core() == f.core());
        p.set_value(1);
        weft::coroutine c([] { return 2; });
        weft::task<int> made = weft::ensure_future(c);
        CHECK(weft::await(made) == 2);
        CHECK(weft::await(weft::ensure_future([] { return 3; })) == 3);
        weft::await(t);
    });
}

TEST_CASE("CRO-13: values pass up a chain of coroutines, exceptions pass through each", "[task]") {
    over_workers([] {
        weft::coroutine inner([] {
            weft::sleep_for(1us);
            return 42;
        });
        weft::coroutine outer([&] { return weft::await(inner) + 1000; });
        CHECK(weft::await(outer) == 1042);
        std::string passed;
        weft::coroutine bad([]() -> int { throw std::runtime_error("deep"); });
        weft::coroutine middle([&] {
            try {
                return weft::await(bad);
            } catch (const std::runtime_error&) {
                passed += "middle ";
                throw;
            }
        });
        try {
            weft::await(middle);
        } catch (const std::runtime_error& e) { passed += e.what(); }
        CHECK(passed == "middle deep");
    });
}

TEST_CASE("CRO-11: outside a task await blocks the thread, and what needs a task says so",
          "[task]") {
    leak_fixture nothing_leaks;
    weft::promise<int> p;
    auto f = p.get_future();
    std::thread setter([&] { p.set_value(6); });
    CHECK(weft::await(f) == 6);
    setter.join();
    CHECK(weft::await(weft::coroutine([] { return 2; })) == 2);
    weft::yield();
    weft::checkpoint();
    CHECK_THROWS_AS(weft::timeout(1h, [](auto&) {}), std::logic_error);
    CHECK_THROWS_AS(weft::task_group(), std::logic_error);
    CHECK_THROWS_AS(weft::create_task([] {}), std::logic_error);
    CHECK_THROWS_AS(weft::current_task(), std::logic_error);
}

namespace {

/// Awaited as its member says; copies share what it waits for.
struct meeting {
    std::shared_ptr<weft::event> begins = std::make_shared<weft::event>();
    int number = 0;
    int await() const {
        begins->wait();
        return number;
    }
};

} // namespace

TEST_CASE("CRO-12: a type with a member await is awaited as that says, also as a task", "[task]") {
    static_assert(can_await<meeting> && can_await<const meeting&> && can_ensure_future<meeting>);
    over_workers([] {
        const meeting m{.number = 8};
        weft::task<int> t = weft::ensure_future(m);
        CHECK_FALSE(t.wait_for(0s) == std::future_status::ready);
        auto other = weft::create_task([&] { return weft::await(m); });
        m.begins->set();
        CHECK(weft::await(m) + weft::await(t) + weft::await(other) == 24);
    });
}

namespace {

int sleeping_compare(const void* a, const void* b) {
    weft::sleep_for(1us); // below a C function that knows nothing of tasks
    return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

} // namespace

TEST_CASE("CRO-14: what waits below qsort, std::sort or a virtual call suspends the whole chain",
          "[task]") {
    over_workers([] {
        struct shape {
            virtual ~shape() = default;
            virtual int area() const = 0;
        };
        struct square final : shape {
            int area() const override {
                weft::sleep_for(1us);
                return 4;
            }
        };
        std::atomic<int> meanwhile{0};
        std::atomic<bool> over{false};
        auto other = weft::create_task([&] {
            while (!over) {
                ++meanwhile;
                weft::yield();
            }
        });
        const std::vector<int> sorted{1, 2, 3, 4, 5, 6, 7, 8};
        std::vector<int> a{5, 3, 8, 1, 7, 2, 6, 4}, b = a;
        std::qsort(a.data(), a.size(), sizeof(int), sleeping_compare);
        std::sort(b.begin(), b.end(), [](int x, int y) {
            weft::yield();
            return x < y;
        });
        const std::unique_ptr<shape> s = std::make_unique<square>();
        const int area = s->area();
        over = true;
        weft::await(other);
        CHECK(a == sorted);
        CHECK(b == sorted);
        CHECK(area == 4);
        CHECK(meanwhile > 0); // it had turns in between
    });
}

TEST_CASE("CRO-15: a body that never waits is not interrupted: on its worker nobody runs meanwhile",
          "[task]") {
    weft::run({.workers = 1, .max_spares = 0}, [] {
        bool other_ran = false;
        auto other = weft::create_task([&] { other_ran = true; });
        weft::coroutine body([&] { // calling it a coroutine makes no difference
            volatile long sum = 0;
            for (int i = 0; i < 1'000'000; ++i) sum = sum + i;
            return !other_ran;
        });
        CHECK(weft::await(body));
        weft::await(other);
        CHECK(other_ran);
    });
}

namespace {

std::size_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::size_t all = 0, resident = 0;
    statm >> all >> resident;
    return resident * static_cast<std::size_t>(getpagesize());
}

} // namespace

TEST_CASE("CRO-20: a suspended task costs much less memory than a thread", "[task]") {
    weft::run({.workers = 2}, [] {
        const int count = many(10'000);
        std::atomic<int> waiting{0};
        weft::event over;
        const std::size_t before = resident_bytes();
        weft::task_group g;
        for (int i = 0; i < count; ++i)
            g.create_task([&] {
                ++waiting;
                over.wait();
            });
        while (waiting < count) weft::yield();
        const std::size_t each = (resident_bytes() - before) / static_cast<std::size_t>(count);
        over.set();
        g.join();
        // A thread takes some 20 KiB here before it does anything. The sanitizers' own memory is not ours.
        if (!weft::detail::k_asan && !weft::detail::k_tsan) CHECK(each < 16 * 1024);
    });
}

TEST_CASE("a coroutine goes wherever a callable does: gather, wait_for, a group, run", "[task]") {
    CHECK(weft::run({.workers = 2}, weft::coroutine([] {
                        weft::coroutine a([] { return 1; }), b([] { return 2; });
                        auto [x, y] = weft::gather(a, b);
                        weft::coroutine c([] { return 3; });
                        const int z = weft::wait_for(1s, c);
                        int w = 0;
                        weft::with_task_group([&](weft::task_group& g) {
                            g.create_task(weft::coroutine([&] { w = 4; }));
                        });
                        return x + y + z + w;
                    })) == 10);
}
