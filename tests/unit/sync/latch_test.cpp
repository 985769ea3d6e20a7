// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

using namespace weft::testing;

TEST_CASE("a latch opens at zero and stays open", "[sync]") {
    weft::latch l(3);
    CHECK_FALSE(l.try_wait());
    l.count_down(0);
    l.count_down(2);
    CHECK_FALSE(l.try_wait());
    CHECK_THROWS_AS(l.count_down(2), std::logic_error);
    CHECK_THROWS_AS(l.count_down(-1), std::logic_error);
    l.arrive_and_wait();
    CHECK(l.try_wait());
    l.wait();
    CHECK_THROWS_AS(l.count_down(), std::logic_error);
    CHECK(weft::latch(0).try_wait());
    CHECK_THROWS_AS(weft::latch(-1), std::invalid_argument);
}

TEST_CASE("a latch that opened before the guard was held ends the wait", "[sync]") {
    weft::latch l(0);
    probe::second_look(l);
    CHECK(l.try_wait());
}

TEST_CASE("the last count_down wakes all who wait, who see what came before each", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    crew c(s);
    int good = 0;
    for (int round = 0; round < 200; ++round) {
        weft::latch all(3), waiting(2);
        int parts[3] = {}; // plain
        std::atomic<int> sums{0};
        for (int i = 0; i < 2; ++i)
            c.start([&] {
                waiting.count_down();
                all.wait();
                sums += parts[0] + parts[1] + parts[2];
            });
        if (round % 2 == 0) waiting.wait();
        for (int i = 0; i < 3; ++i)
            c.start([&, i] {
                parts[i] = 1 << i;
                all.count_down();
            });
        c.join();
        good += sums == 14;
    }
    CHECK(good == 200);
}

TEST_CASE("arrive_and_wait lets everybody go on together", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    constexpr int k_bodies = 6;
    weft::latch l(k_bodies);
    std::atomic<int> arrived{0}, all_there{0};
    crew c(s);
    for (int i = 0; i < k_bodies; ++i)
        c.start([&] {
            ++arrived;
            l.arrive_and_wait();
            all_there += arrived == k_bodies;
        });
    c.join();
    CHECK(all_there == k_bodies);
}

TEST_CASE("a cancelled arrive_and_wait has counted", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::latch l(2);
    crew c(s);
    auto first = c.start([&] { l.arrive_and_wait(); });
    until([&] { return probe::waiting(l) == 1; });
    first.cancel();
    first.wait();
    CHECK(first.cancelled());
    CHECK_FALSE(l.try_wait());
    l.arrive_and_wait();
    CHECK(l.try_wait());
}

TEST_CASE("a latch in a frame may die as soon as it is known to be open", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::channel<weft::latch*> to_do;
    std::atomic<int> rounds{0};
    crew c(s);
    c.start([&] {
        for (weft::latch* l : to_do) l->count_down();
    });
    c.start([&] {
        for (int i = 0; i < 2000; ++i) {
            weft::latch done(2);
            done.count_down();
            to_do.send(&done);
            if (i % 2 == 0)
                done.wait();
            else
                until([&] { return done.try_wait(); });
            ++rounds;
        }
        to_do.close();
    });
    c.join();
    CHECK(rounds == 2000);
}
