// SPDX-License-Identifier: Apache-2.0
// A worker's queue, the queue of those who are no workers, and the counts of who sleeps and who searches.
#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "sched/deque.hpp"
#include "sched/idle.hpp"
#include "sched/inject_queue.hpp"
#include "sched/long_steps.hpp"
#include "support/party.hpp"

using namespace weft::detail;

namespace {

struct item {
    std::atomic<int> taken{0};
    int number = 0;
};
using item_queue = basic_deque<item*>;

/// A fiber that is only ever queued.
struct marker final : fiber {
    explicit marker(scheduler& s) : fiber(s, false) {}
    void run() noexcept override {}
    void print_owner(int) const noexcept override {}
    void throw_cancelled() override { throw weft::cancelled_error(); }
};

} // namespace

TEST_CASE("queue: items come out in the order they were pushed, however often it grows",
          "[sched]") {
    const std::size_t capacity = GENERATE(1U, 2U, 16U);
    const bool rare_guests = GENERATE(false, true) && has_heavy_fence();
    item_queue q(rare_guests, capacity);
    std::vector<item> items(1000);
    CHECK(q.take_own() == nullptr);
    std::size_t in = 0, out = 0;
    // Indices go round at every size: some more come in than go out.
    while (in < items.size()) {
        for (int i = 0; i < 7 && in < items.size(); ++i) q.push(&items[in++]);
        for (int i = 0; i < 5; ++i) REQUIRE(q.take_own() == &items[out++]);
        REQUIRE(q.size() == in - out);
    }
    while (item* i = q.take_own()) REQUIRE(i == &items[out++]);
    CHECK(out == items.size());
    CHECK(q.empty());
}

TEST_CASE("queue: with takers on all sides every item comes out once, in order for each taker",
          "[sched]") {
    const int takers = GENERATE(1, 3);
    const bool rare_guests = GENERATE(false, true) && has_heavy_fence();
    item_queue q(rare_guests, 2);
    std::vector<item> items(rare_guests ? 2000 : k_tsan ? 20'000 : 200'000);
    for (std::size_t i = 0; i < items.size(); ++i) items[i].number = static_cast<int>(i);
    std::atomic<std::size_t> taken{0};
    std::atomic<int> disorder{0};
    auto note = [&](item* i, int& last) {
        if (i == nullptr) return;
        if (i->number <= last) ++disorder;
        last = i->number;
        ++i->taken;
        ++taken;
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < takers; ++t)
        threads.emplace_back([&] {
            int last = -1;
            while (taken < items.size()) note(item_queue::guest(q).take(), last);
        });
    int last = -1;
    for (std::size_t i = 0; i < items.size(); ++i) {
        q.push(&items[i]);
        if (i % 3 == 0) note(q.take_own(), last);
    }
    for (auto& t : threads) t.join();
    CHECK(disorder == 0);
    for (item& i : items) REQUIRE(i.taken == 1);
}

TEST_CASE("inject queue: gives out in order, at most so many, and knows when it is empty",
          "[sched]") {
    weft::testing::party p(weft::testing::party_of(1));
    inject_queue q;
    std::vector<std::unique_ptr<marker>> markers;
    for (int i = 0; i < 10; ++i) markers.push_back(std::make_unique<marker>(p.sched));
    std::vector<fiber*> got;
    auto keep = [&](fiber* f) { got.push_back(f); };
    CHECK(q.empty());
    CHECK(q.take(3, keep) == 0);
    for (int round = 0; round < 2; ++round) {
        got.clear();
        for (auto& m : markers) q.push(*m);
        CHECK_FALSE(q.empty());
        CHECK(q.take(0, keep) == 0);
        CHECK(q.take(3, keep) == 3);
        CHECK(q.take(100, keep) == 7);
        CHECK(q.empty());
        for (std::size_t i = 0; i < markers.size(); ++i) REQUIRE(got[i] == markers[i].get());
    }
}

TEST_CASE(
    "idle: a push wakes one sleeper, the last one that fell asleep, and none while one searches",
    "[sched]") {
    idle_workers idle(4);
    CHECK(idle.worker_to_wake() == idle_workers::k_nobody);
    for (unsigned w = 0; w < 4; ++w) idle.fall_asleep(w, false);
    CHECK(idle.asleep() == 4);
    CHECK(idle.worker_to_wake() == 3);
    CHECK(idle.worker_to_wake() == idle_workers::k_nobody); // 3 searches
    CHECK_FALSE(idle.wake_up(3));                           // and learns so
    CHECK(idle.end_search());
    CHECK(idle.worker_to_wake() == 2);
    CHECK(idle.asleep() == 2);
    CHECK(idle.wake_up(0)); // by itself
    CHECK(idle.asleep() == 1);
    idle.fall_asleep(0, false);
    CHECK(idle.end_search()); // 2 has found something
    CHECK(idle.worker_to_wake() == 0);
    CHECK(idle.end_search());
    CHECK(idle.worker_to_wake() == 1);
    CHECK(idle.end_search());
    CHECK(idle.worker_to_wake() == idle_workers::k_nobody);
}

TEST_CASE("idle: at most half of the workers search by their own will", "[sched]") {
    const unsigned workers = GENERATE(1U, 2U, 3U, 4U, 8U);
    idle_workers idle(workers);
    unsigned searching = 0;
    while (idle.start_search()) ++searching;
    CHECK(searching == (workers + 1) / 2);
    idle.fall_asleep(0, true); // a searcher that gives up counts no more
    CHECK(idle.start_search());
    CHECK_FALSE(idle.start_search());
}

TEST_CASE("long steps: so many run at once, the others as those end, in order", "[sched]") {
    weft::testing::party p(weft::testing::party_of(1));
    marker a(p.sched), b(p.sched), c(p.sched), d(p.sched);
    long_steps steps(2);
    CHECK(steps.begin(a));
    CHECK(steps.begin(b));
    CHECK_FALSE(steps.begin(c));
    CHECK_FALSE(steps.begin(d));
    CHECK(steps.next() == &c);
    CHECK(steps.next() == &d);
    CHECK(steps.next() == nullptr); // a place is free
    CHECK(steps.begin(a));
    CHECK_FALSE(steps.begin(b));
    CHECK(steps.next() == &b);
}

TEST_CASE("long steps: when none ends for long, one more may run, and only then", "[sched]") {
    weft::testing::party p(weft::testing::party_of(1));
    marker a(p.sched), b(p.sched), c(p.sched), d(p.sched);
    long_steps steps(1);
    CHECK(steps.overdue(100, 10) == nullptr);
    CHECK(steps.begin(a));
    CHECK_FALSE(steps.begin(b));
    CHECK_FALSE(steps.begin(c));
    CHECK(steps.overdue(1000, 10) == nullptr); // first seen waiting
    CHECK(steps.overdue(1009, 10) == nullptr);
    CHECK(steps.next() == &b);
    CHECK(steps.overdue(1010, 10) == nullptr); // one has ended meanwhile
    CHECK(steps.overdue(1020, 10) == &c);
    CHECK_FALSE(steps.begin(d));
    CHECK(steps.next() == nullptr); // two ran
    CHECK(steps.next() == &d);
}
