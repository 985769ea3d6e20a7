// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace weft::testing;
using namespace std::chrono_literals;

TEST_CASE("BAR-01: all go on when the last one arrives, each with an index of its own, in every "
          "round",
          "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    constexpr int k_parties = 5, k_rounds = 50;
    std::atomic<int> completions{0};
    weft::barrier b(k_parties, [&] { ++completions; });
    std::atomic<int> inside{0};
    std::atomic<bool> early{false};
    std::mutex lock;
    std::vector<std::multiset<std::ptrdiff_t>> indices(k_rounds);
    {
        crew c(s);
        for (int i = 0; i < k_parties; ++i)
            c.start([&] {
                for (int round = 0; round < k_rounds; ++round) {
                    ++inside;
                    const std::ptrdiff_t index = b.arrive_and_wait();
                    if (inside < k_parties * (round + 1) || completions <= round) early = true;
                    const std::lock_guard guard(lock);
                    indices[static_cast<std::size_t>(round)].insert(index);
                }
            });
    }
    CHECK_FALSE(early);
    CHECK(completions == k_rounds);
    for (const auto& round : indices) CHECK(round == std::multiset<std::ptrdiff_t>{0, 1, 2, 3, 4});
}

TEST_CASE("BAR-02: a cancelled arrive_and_wait takes its arrival back", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::barrier b(3);
    crew c(s);
    std::atomic<int> arrived{0}, cancelled{0}, through{0};
    auto first = c.start_task([&] {
        ++arrived;
        if (was_cancelled([&] { b.arrive_and_wait(); })) ++cancelled;
    });
    until([&] { return arrived == 1; });
    first.cancel();
    first.wait();
    CHECK(cancelled == 1);
    for (int i = 0; i < 2; ++i)
        c.start([&] {
            b.arrive_and_wait();
            ++through;
        });
    std::this_thread::sleep_for(1ms);
    CHECK(through == 0); // two of three
    b.arrive_and_wait();
    c.join();
    CHECK(through == 2);
}

TEST_CASE("BAR-03: who arrives while a round's completion runs waits for the next one", "[sync]") {
    weft::run({.workers = 2}, [] {
        weft::event completing, go_on;
        std::atomic<int> phase{0};
        weft::barrier b(2, [&] {
            if (phase++ != 0) return;
            completing.set();
            go_on.wait();
        });
        std::atomic<int> first{0}, second{0};
        const auto party = [&](std::atomic<int>& count) {
            return weft::create_task([&] {
                b.arrive_and_wait();
                ++count;
            });
        };
        std::vector tasks{party(first), party(first)};
        completing.wait();
        tasks.push_back(party(second));
        for (int i = 0; i < 10; ++i) weft::yield();
        CHECK(first == 0); // nobody before the completion is through
        CHECK(second == 0);
        go_on.set();
        weft::await(tasks[0]);
        weft::await(tasks[1]);
        for (int i = 0; i < 10; ++i) weft::yield();
        CHECK(second == 0); // its round needs another one
        b.arrive_and_wait();
        weft::await(tasks[2]);
        CHECK(second == 1);
    });
}

TEST_CASE("BAR-04 BAR-05: reset breaks the round that waits, abort all until a reset", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::barrier b(3);
    std::atomic<int> broken{0}, through{0};
    const auto party = [&] {
        try {
            b.arrive_and_wait();
            ++through;
        } catch (const weft::broken_barrier&) { ++broken; }
    };
    const auto two_wait = [&](crew& c) {
        c.start(party);
        c.start(party);
        until([&] { return probe::waiting(b) == 2; });
    };
    {
        crew c(s);
        two_wait(c);
        b.reset();
        until([&] { return broken == 2; });
        CHECK_FALSE(b.broken());
        two_wait(c);
        party();
        c.join();
        CHECK(through == 3);
        two_wait(c);
        b.abort();
        c.join();
        CHECK(broken == 4);
        CHECK(b.broken());
        party();
        CHECK(broken == 5);
        b.reset();
        two_wait(c);
        party();
    }
    CHECK(through == 6);
}

TEST_CASE("arrive, wait and arrive_and_drop as std::barrier has them", "[sync]") {
    int completions = 0;
    weft::barrier b(3, [&] { ++completions; });
    auto token = b.arrive(2);
    b.arrive_and_drop();
    CHECK(completions == 1);
    b.wait(std::move(token)); // complete already
    auto next = b.arrive();
    CHECK(completions == 1);
    static_cast<void>(b.arrive()); // two are enough now
    CHECK(completions == 2);
    b.wait(std::move(next));
    CHECK_THROWS_AS(static_cast<void>(b.arrive(3)), std::logic_error);
    CHECK_THROWS_AS(weft::barrier(-1), std::invalid_argument);
    CHECK(weft::barrier<>::max() > 1'000'000);
}

TEST_CASE("cancels that race with the last arrival neither lose nor add one", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    for (int round = 0; round < 200; ++round) {
        weft::barrier b(2);
        std::atomic<bool> waited{false}, cancelled{false};
        crew c(s);
        auto t = c.start_task([&] {
            cancelled = was_cancelled([&] { b.arrive_and_wait(); });
            waited = !cancelled;
        });
        until([&] { return probe::waiting(b) == 1; });
        std::thread canceller([&] { t.cancel(); });
        auto token = b.arrive();
        canceller.join();
        t.wait();
        if (cancelled) static_cast<void>(b.arrive()); // its arrival was taken back
        b.wait(std::move(token));                     // complete, one way or the other
        c.join();
    }
}
