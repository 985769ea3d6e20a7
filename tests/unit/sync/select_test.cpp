// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <memory>
#include <string>

#include "support/runtimes.hpp"

using namespace weft::testing;
using namespace std::chrono_literals;
using weft::after;
using weft::otherwise;
using weft::recv;
using weft::send;
using weft::when;

TEST_CASE("CHN-05: select takes what is ready, and nothing of the others", "[sync]") {
    weft::channel<int> a(2), b(2);
    int got = 0;
    a.send(1);
    CHECK(weft::select(recv(b, [&](int x) { got = -x; }), recv(a, [&](int x) { got = x; })) == 1);
    CHECK(got == 1);
    bool sent = false;
    CHECK(weft::select(send(b, 7, [&] { sent = true; }), recv(a)) == 0);
    CHECK(sent);
    CHECK(b.try_recv() == 7);
    CHECK_FALSE(a.try_recv());
}

TEST_CASE("CHN-05: select waits for the first of its channels, as receiver and as sender",
          "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::channel<int> a, b, out;
    std::atomic<int> got{0}, index{-1};
    crew c(s);
    const auto waits = [&] {
        index = static_cast<int>(weft::select(recv(a, [&](int x) { got = x; }),
                                              recv(b, [&](std::optional<int> x) { got = 10 * *x; }),
                                              send(out, 5)));
    };
    c.start(waits);
    until([&] { return probe::receivers(b) == 1 && probe::senders(out) == 1; });
    b.send(3);
    c.join();
    CHECK(index == 1);
    CHECK(got == 30);
    CHECK(probe::receivers(a) == 0);
    CHECK(probe::senders(out) == 0);
    c.start(waits);
    until([&] { return probe::senders(out) == 1; });
    CHECK(out.recv() == 5);
    c.join();
    CHECK(index == 2);
    CHECK(probe::receivers(a) == 0);
}

TEST_CASE("CHN-05: selects that race on the same channels conserve every value", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    constexpr int k_each = 300, k_pairs = 3;
    std::array<weft::channel<int>, 3> channels{weft::channel<int>(), weft::channel<int>(1),
                                               weft::channel<int>(2)};
    auto& [a, b, d] = channels;
    std::atomic<long> sent{0}, received{0};
    {
        crew c(s);
        for (int p = 0; p < k_pairs; ++p) {
            c.start([&, p] {
                for (int i = 0; i < k_each; ++i) {
                    const int v = p * k_each + i;
                    weft::select(send(a, v), send(b, v), send(d, v));
                    sent += v;
                }
            });
            c.start([&] {
                for (int i = 0; i < k_each; ++i) {
                    const auto take = [&](int x) { received += x; };
                    weft::select(recv(d, take), recv(a, take), recv(b, take));
                }
            });
        }
    }
    CHECK(sent == received);
    for (auto& ch : channels) CHECK(ch.empty());
}

TEST_CASE("CHN-06: of cases that are always ready each is taken as often", "[sync]") {
    weft::channel<int> a(1), b(1), c(1), never;
    std::array<int, 4> taken{};
    for (int i = 0; i < 9000; ++i) {
        static_cast<void>(a.try_send(1));
        static_cast<void>(b.try_send(1));
        static_cast<void>(c.try_send(1));
        ++taken[weft::select(recv(a), recv(b), recv(never), recv(c))];
    }
    CHECK(taken[2] == 0);
    for (std::size_t i : {0U, 1U, 3U}) {
        CHECK(taken[i] > 2700);
        CHECK(taken[i] < 3300);
    }
}

TEST_CASE("CHN-07: otherwise is taken when nothing is ready; a disabled case never is", "[sync]") {
    weft::channel<int> a(1);
    bool ran = false;
    CHECK(weft::select(recv(a), otherwise([&] { ran = true; })) == 1);
    CHECK(ran);
    a.send(1);
    CHECK(weft::select(recv(a), otherwise()) == 0);
    a.send(2);
    CHECK(weft::select(when(false, recv(a)), when(true, otherwise())) == 1);
    CHECK(a.size() == 1);
    CHECK_THROWS_AS(weft::select(when(false, recv(a))), std::invalid_argument);
}

TEST_CASE("CHN-08: select_biased takes the first in order", "[sync]") {
    weft::channel<int> a(100), b(100);
    for (int i = 0; i < 100; ++i) {
        a.send(i);
        b.send(i);
    }
    for (int i = 0; i < 100; ++i) CHECK(weft::select_biased(recv(b), recv(a)) == 0);
    CHECK(weft::select_biased(recv(b), recv(a)) == 1);
}

TEST_CASE("CHN-09: a cancelled select has left every channel and taken nothing", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::channel<int> a, b;
    weft::channel<std::unique_ptr<int>> out;
    auto item = std::make_unique<int>(1);
    std::atomic<bool> cancelled{false};
    crew c(s);
    auto t = c.start_task([&] {
        cancelled =
            was_cancelled([&] { weft::select(recv(a), recv(b), send(out, std::move(item))); });
    });
    until([&] { return probe::receivers(b) == 1 && probe::senders(out) == 1; });
    t.cancel();
    c.join();
    CHECK(cancelled);
    CHECK(item != nullptr);
    CHECK(probe::receivers(a) + probe::receivers(b) + probe::senders(out) == 0);
}

TEST_CASE("cancels that race with selects lose no value", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    constexpr int k_values = 500;
    weft::channel<int> a, b(1);
    std::atomic<long> sum{0};
    std::atomic<int> count{0};
    crew c(s);
    std::atomic<bool> began{false}; // one that is cancelled before never does
    auto reader = c.start_task([&] {
        began = true;
        while (count < k_values) {
            try {
                const auto take = [&](int x) {
                    sum += x;
                    ++count;
                };
                weft::select(recv(a, take), recv(b, take));
            } catch (const weft::cancelled_error&) {
                const weft::mask_cancel m;
                weft::
                    yield(); // the next cancel may be here already, and the sender wants the core, too
            }
        }
    });
    c.start([&] {
        for (int i = 0; i < k_values; ++i) i % 2 == 0 ? a.send(i) : b.send(i);
    });
    until([&] { return began.load(); });
    while (count < k_values) {
        reader.cancel();
        std::this_thread::yield();
    }
    c.join();
    CHECK(sum == static_cast<long>(k_values) * (k_values - 1) / 2);
}

TEST_CASE("CHN-10: what is to be sent is evaluated once, also if its case is not taken", "[sync]") {
    weft::channel<int> a(1);
    weft::channel<std::string> b;
    int evaluated = 0;
    const auto value = [&] {
        ++evaluated;
        return std::string(100, 'x');
    };
    a.send(1);
    CHECK(weft::select(send(b, value()), recv(a)) == 1);
    CHECK(evaluated == 1);
    // A value that was not sent is still there, whatever its kind.
    std::string kept(100, 'y');
    auto pointer = std::make_unique<int>(3);
    weft::channel<std::unique_ptr<int>> p;
    CHECK(weft::select(send(b, std::move(kept)), send(p, std::move(pointer)), otherwise()) == 2);
    CHECK(kept == std::string(100, 'y'));
    CHECK(pointer != nullptr);
}

TEST_CASE("CHN-02 CHN-04: a closed channel is ready: receivers get nothing or the error, senders "
          "the error",
          "[sync]") {
    weft::channel<int> a(1);
    a.send(1);
    a.close();
    int got = 0;
    weft::select(recv(a, [&](std::optional<int> x) { got = x.value_or(-1); }));
    CHECK(got == 1);
    weft::select(recv(a, [&](std::optional<int> x) { got = x.value_or(-1); }));
    CHECK(got == -1);
    CHECK_THROWS_AS(weft::select(recv(a, [](int) {})), weft::channel_closed);
    CHECK_THROWS_AS(weft::select(send(a, 1)), weft::channel_closed);
    CHECK(weft::select(recv(a)) == 0);
    auto item = std::make_unique<int>(1);
    weft::channel<std::unique_ptr<int>> p;
    p.close();
    CHECK_THROWS_AS(weft::select(send(p, std::move(item))), weft::channel_closed);
    CHECK(item != nullptr);
}

TEST_CASE("CHN-03: close ends the selects that wait", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::channel<int> a, b, d;
    std::atomic<int> closed{0};
    crew c(s);
    c.start([&] {
        weft::select(recv(a), recv(b, [&](std::optional<int> x) { closed += x ? 0 : 1; }));
    });
    c.start([&] {
        try {
            weft::select(send(d, 1), recv(a));
        } catch (const weft::channel_closed&) { ++closed; }
    });
    until([&] { return probe::receivers(a) == 2; });
    b.close();
    d.close();
    c.join();
    CHECK(closed == 2);
    CHECK(probe::receivers(a) == 0);
}

TEST_CASE("after is taken when its time has come, and not before; of two the earlier one",
          "[sync]") {
    in_virtual_time([] {
        weft::channel<int> a;
        const auto start = weft::clock::now();
        CHECK(weft::select(recv(a), after(2s), after(1s)) == 2);
        CHECK(weft::clock::now() - start == 1s);
        auto sender = weft::create_task([&] {
            weft::sleep_for(1s);
            a.send(1);
        });
        CHECK(weft::select(recv(a), after(2s)) == 0);
        CHECK(weft::clock::now() - start == 2s);
        weft::await(sender);
        CHECK(weft::select(after(0s), recv(a)) == 0);
    });
    weft::channel<int> a; // on a plain thread, in real time
    CHECK(weft::select(recv(a), after(1ms)) == 1);
}

TEST_CASE("one channel may stand in several cases, and there may be many cases", "[sync]") {
    weft::channel<int> a(1);
    CHECK(weft::select(recv(a), send(a, 1)) == 1);
    CHECK(weft::select(recv(a), send(a, 1)) == 0);
    std::array<weft::channel<int>, 20> c;
    crew others({1});
    others.start([&] { c[17].send(5); });
    int got = 0;
    const auto take = [&](int x) { got = x; };
    CHECK(weft::select(recv(c[0], take), recv(c[1], take), recv(c[2], take), recv(c[3], take),
                       recv(c[4], take), recv(c[5], take), recv(c[6], take), recv(c[7], take),
                       recv(c[8], take), recv(c[9], take), recv(c[10], take), recv(c[11], take),
                       recv(c[12], take), recv(c[13], take), recv(c[14], take), recv(c[15], take),
                       recv(c[16], take), recv(c[17], take), recv(c[18], take)) == 17);
    CHECK(got == 5);
}

TEST_CASE("handlers may be generic, move-only, functions; what they throw comes out", "[sync]") {
    weft::channel<std::unique_ptr<int>> a(1);
    a.send(std::make_unique<int>(4));
    int got = 0;
    weft::select(recv(a, [&, owned = std::make_unique<int>(1)](auto p) { got = *p + *owned; }));
    CHECK(got == 5);
    weft::channel<int> b(1);
    b.send(1);
    CHECK_THROWS_AS(weft::select(recv(b, [](int) { throw std::runtime_error("x"); })),
                    std::runtime_error);
    CHECK(b.empty());
}
