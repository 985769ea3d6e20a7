// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <numeric>
#include <string>

using namespace weft::testing;

TEST_CASE("a channel holds as many values as its capacity, and gives them in order", "[sync]") {
    const std::size_t capacity = GENERATE(std::size_t{1}, std::size_t{3}, std::size_t{100});
    weft::channel<std::size_t> ch(capacity);
    std::size_t next_in = 0, next_out = 0;
    bool in_order = true;
    for (int round = 0; round < 3; ++round) { // round the ring
        while (ch.try_send(next_in)) ++next_in;
        CHECK(ch.size() == capacity);
        while (auto v = ch.try_recv()) {
            in_order &= *v == next_out++;
            if (next_out % 3 == 0 && ch.try_send(next_in) && ++next_in % 7 == 0) break;
        }
    }
    while (auto v = ch.try_recv()) in_order &= *v == next_out++;
    CHECK(in_order);
    CHECK(next_in == next_out);
    CHECK(ch.empty());
    CHECK(ch.capacity() == capacity);
}

TEST_CASE("a channel may allow more than memory could hold", "[sync]") {
    weft::channel<int> ch(std::numeric_limits<std::size_t>::max());
    for (int i = 0; i < 1000; ++i) ch.send(i);
    int sum = 0;
    while (auto v = ch.try_recv()) sum += *v;
    CHECK(sum == 999 * 500);
}

TEST_CASE("CHN-01: without a buffer, a send ends when a receiver has the value", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::channel<int> ch;
    CHECK_FALSE(ch.try_send(1));
    CHECK_FALSE(ch.try_recv());
    std::atomic<bool> sent{false};
    crew c(s);
    c.start([&] {
        ch.send(2);
        sent = true;
    });
    until([&] { return probe::senders(ch) == 1; });
    CHECK_FALSE(sent);
    CHECK(ch.empty());
    CHECK(ch.recv() == 2);
    c.join();
    CHECK(sent);
    std::optional<int> got;
    c.start([&] { got = ch.recv(); });
    until([&] { return probe::receivers(ch) == 1; });
    CHECK(ch.try_send(3)); // into the waiting receiver's hand
    c.join();
    CHECK(got == 3);
}

TEST_CASE("senders and receivers are served in the order of their arrival", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    const std::size_t capacity = GENERATE(std::size_t{0}, std::size_t{2});
    CAPTURE(capacity);
    weft::channel<int> ch(capacity);
    crew c(s);
    for (int i = 0; i < static_cast<int>(capacity); ++i) ch.send(i);
    for (int i = static_cast<int>(capacity); i < 6; ++i) {
        c.start([&, i] { ch.send(i); });
        until([&] { return probe::senders(ch) == static_cast<std::size_t>(i + 1) - capacity; });
    }
    std::vector<int> received;
    for (int i = 0; i < 6; ++i) received.push_back(ch.recv().value());
    CHECK(received == std::vector{0, 1, 2, 3, 4, 5});
    c.join();
    std::vector<int> by_receiver(4, -1);
    for (std::size_t i = 0; i < 4; ++i) {
        c.start([&, i] { by_receiver[i] = ch.recv().value(); });
        until([&] { return probe::receivers(ch) == i + 1; });
    }
    for (int i = 0; i < 4; ++i) ch.send(i);
    c.join();
    CHECK(by_receiver == std::vector{0, 1, 2, 3});
}

TEST_CASE("CHN-03: close wakes all who wait: receivers get nothing, senders throw", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    const bool senders = GENERATE(false, true);
    CAPTURE(senders);
    weft::channel<std::string> ch;
    std::atomic<int> ended{0};
    crew c(s);
    for (int i = 0; i < 5; ++i)
        c.start([&] {
            if (!senders) {
                ended += !ch.recv().has_value();
                return;
            }
            std::string mine = "a value that stays where it is";
            try {
                ch.send(std::move(mine));
            } catch (const weft::channel_closed&) {
                ended += mine == "a value that stays where it is";
            }
        });
    until([&] { return (senders ? probe::senders(ch) : probe::receivers(ch)) == 5; });
    ch.close();
    c.join();
    CHECK(ended == 5);
}

TEST_CASE("CHN-02: what is in the buffer is received after close, then nothing", "[sync]") {
    weft::channel<int> ch(3);
    ch.send(1);
    ch.send(2);
    CHECK_FALSE(ch.closed());
    ch.close();
    CHECK(ch.closed());
    CHECK_THROWS_AS(ch.send(3), weft::channel_closed);
    CHECK_FALSE(ch.try_send(3));
    CHECK_THROWS_AS(ch.close(), weft::channel_closed);
    CHECK(ch.recv() == 1);
    CHECK(ch.try_recv() == 2);
    CHECK_FALSE(ch.recv());
    CHECK_FALSE(ch.try_recv());
}

TEST_CASE("a range-for receives until the channel is closed and empty", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::channel<std::string> ch(2);
    std::string all;
    crew c(s);
    c.start([&] {
        for (std::string& part : ch) all += std::move(part);
    });
    c.start([&] {
        for (const char* part : {"one", " two", " three", " four"}) ch.send(part);
        ch.close();
    });
    c.join();
    CHECK(all == "one two three four");
    weft::channel<std::unique_ptr<int>> boxes(2);
    boxes.send(std::make_unique<int>(1));
    boxes.send(std::make_unique<int>(2));
    boxes.close();
    int sum = 0;
    for (auto& box : boxes) sum += *box;
    CHECK(sum == 3);
}

namespace {

/// Counts how many are alive; can only be moved.
struct counted {
    static inline std::atomic<int> alive{0};
    int value = 0;
    explicit counted(int v) : value(v) { ++alive; }
    counted(counted&& o) noexcept : value(std::exchange(o.value, -1)) { ++alive; }
    counted& operator=(counted&&) = delete; // given back by destroying and building again
    ~counted() { --alive; }
};

struct throws_on_move {
    bool armed = false;
    throws_on_move() = default;
    throws_on_move(throws_on_move&& o) : armed(o.armed) {
        if (armed) throw std::runtime_error("not now");
    }
    throws_on_move& operator=(throws_on_move&&) = default;
};

struct large {
    int values[64];
};

} // namespace

TEST_CASE("elements that can only be moved are neither copied nor lost", "[sync]") {
    {
        weft::channel<counted> ch(2);
        counted a(1), b(2), c(3);
        ch.send(std::move(a));
        CHECK(a.value == -1);
        CHECK(ch.try_send(std::move(b)));
        CHECK_FALSE(ch.try_send(std::move(c)));
        CHECK(c.value == 3); // no room: it stays
        CHECK(ch.recv()->value == 1);
        CHECK(ch.try_send(std::move(c)));
        ch.close();
        counted d(4);
        CHECK_THROWS_AS(ch.send(std::move(d)), weft::channel_closed);
        CHECK(d.value == 4);
        CHECK(ch.recv()->value == 2);
        CHECK(counted::alive == 5); // a, b, c, d and the one that nobody receives
    }
    CHECK(counted::alive == 0);
    weft::channel<std::unique_ptr<int>> ch(1);
    auto one = std::make_unique<int>(1), two = std::make_unique<int>(2);
    ch.send(std::move(one));
    CHECK(one == nullptr);
    CHECK_FALSE(ch.try_send(std::move(two)));
    CHECK(*two == 2);
    ch.send(*ch.recv() ? std::make_unique<int>(3) : nullptr); // left behind: no leak
}

TEST_CASE("an element that throws when it is moved leaves the channel whole", "[sync]") {
    weft::channel<throws_on_move> ch(2);
    throws_on_move bad;
    bad.armed = true;
    CHECK_THROWS_AS(ch.send(std::move(bad)), std::runtime_error);
    CHECK(ch.empty());
    ch.send(throws_on_move());
    CHECK(ch.recv().has_value());
}

TEST_CASE("large elements and pairs of words arrive whole", "[sync]") {
    weft::channel<large> ch(2);
    large in{};
    std::iota(std::begin(in.values), std::end(in.values), 5);
    ch.send(in);
    const large out = ch.recv().value();
    CHECK(std::equal(std::begin(in.values), std::end(in.values), out.values));
    weft::channel<std::pair<long, char>> pairs(1);
    pairs.send({1L << 40, 'x'});
    CHECK(pairs.recv() == std::pair{1L << 40, 'x'});
}

TEST_CASE("two producers and two consumers move every value once", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    const std::size_t capacity = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{64});
    CAPTURE(capacity);
    constexpr int k_values = 3000;
    weft::channel<int> ch(capacity);
    weft::latch produced(2);
    std::atomic<long> sum{0};
    std::atomic<int> count{0};
    crew c(s);
    for (int p = 0; p < 2; ++p)
        c.start([&] {
            for (int i = 1; i <= k_values; ++i) ch.send(i);
            produced.arrive_and_wait();
            if (!ch.closed() && count.fetch_add(1'000'000) < 1'000'000) ch.close(); // the first
        });
    for (int p = 0; p < 2; ++p)
        c.start([&] {
            for (int v : ch) {
                sum += v;
                ++count;
            }
        });
    c.join();
    CHECK(sum == 2L * k_values * (k_values + 1) / 2);
    CHECK(count % 1'000'000 == 2 * k_values);
}

TEST_CASE("the values of one sender arrive in its order", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    const std::size_t capacity = GENERATE(std::size_t{0}, std::size_t{5});
    CAPTURE(capacity);
    weft::channel<std::unique_ptr<int>> ch(capacity);
    bool in_order = true;
    int next = 0;
    crew c(s);
    c.start([&] {
        for (int i = 0; i < 2000; ++i) ch.send(std::make_unique<int>(i));
        ch.close();
    });
    c.start([&] {
        for (auto& v : ch) in_order &= *v == next++;
    });
    c.join();
    CHECK(in_order);
    CHECK(next == 2000);
}

TEST_CASE("CHN-11: two tasks play ping-pong, and see what the other wrote", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::channel<int> ping, pong;
    int ball = 0; // plain: passed by the channels
    crew c(s);
    c.start([&] {
        for (int i = 0; i < 2000; ++i) {
            ++ball;
            ping.send(i);
            pong.recv();
        }
        ping.close();
    });
    c.start([&] {
        for (int i : ping) {
            ++ball;
            pong.send(i);
        }
    });
    c.join();
    CHECK(ball == 4000);
}

TEST_CASE("a cancelled sender keeps its value, and its place goes to the next", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    const std::size_t capacity = GENERATE(std::size_t{0}, std::size_t{1});
    CAPTURE(capacity);
    weft::channel<std::string> ch(capacity);
    if (capacity != 0) ch.send("in the buffer already");
    std::string kept;
    crew c(s);
    auto victim = c.start([&] {
        std::string mine = "a value that is too long for a small string";
        if (was_cancelled([&] { ch.send(std::move(mine)); })) kept = mine;
    });
    until([&] { return probe::senders(ch) == 1; });
    c.start([&] { ch.send("the next one"); });
    until([&] { return probe::senders(ch) == 2; });
    victim.cancel();
    victim.wait();
    CHECK(kept == "a value that is too long for a small string");
    CHECK(probe::senders(ch) == 1);
    if (capacity != 0) CHECK(ch.recv() == "in the buffer already");
    CHECK(ch.recv() == "the next one");
    c.join();
}

TEST_CASE("a cancelled receiver takes nothing", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::channel<int> ch;
    std::optional<int> got;
    crew c(s);
    auto victim = c.start([&] { ch.recv(); });
    until([&] { return probe::receivers(ch) == 1; });
    c.start([&] { got = ch.recv(); });
    until([&] { return probe::receivers(ch) == 2; });
    victim.cancel();
    ch.send(5);
    c.join();
    CHECK(victim.cancelled());
    CHECK(got == 5);
    CHECK(probe::receivers(ch) == 0);
}

TEST_CASE("a value handed over before the cancel is kept, the cancel comes later", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::channel<int> ch;
    std::optional<int> got;
    bool cancelled_later = false;
    crew c(s);
    auto receiver = c.start([&] {
        got = ch.recv();
        cancelled_later = was_cancelled([&] { ch.recv(); });
    });
    until([&] { return probe::receivers(ch) == 1; });
    c.start([&] { // in one step
        ch.send(9);
        receiver.cancel();
    });
    c.join();
    CHECK(got == 9);
    CHECK(cancelled_later);
}

TEST_CASE("no value is lost or doubled where sends, receives and cancels race", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    const std::size_t capacity = GENERATE(std::size_t{0}, std::size_t{2});
    CAPTURE(capacity);
    crew c(s);
    int good = 0;
    constexpr int k_rounds = 300;
    for (int round = 0; round < k_rounds; ++round) {
        std::atomic<long> sent{0}, received{0};
        {
            weft::channel<counted> ch(capacity);
            std::vector<weft::task_handle> tasks;
            for (int i = 1; i <= 4; ++i)
                tasks.push_back(c.start([&, i] {
                    counted mine(i);
                    try {
                        ch.send(std::move(mine));
                        sent += i;
                    } catch (const weft::cancelled_error&) {
                        if (mine.value != i) sent += 1000; // neither sent nor kept
                    } catch (const weft::channel_closed&) {
                        if (mine.value != i) sent += 1000;
                    }
                }));
            for (int i = 0; i < 3; ++i)
                tasks.push_back(c.start([&] {
                    // What was handed over counts, whatever comes later.
                    if (auto v = ch.recv()) received += v->value;
                }));
            c.start([&] {
                tasks[static_cast<std::size_t>(round) % 4].cancel();
                tasks[4 + static_cast<std::size_t>(round) % 3].cancel();
                weft::yield();
                ch.close();
            });
            c.join();
            while (auto rest = ch.recv()) received += rest->value;
        }
        good += sent == received;
    }
    CHECK(good == k_rounds);
    CHECK(counted::alive == 0);
}

TEST_CASE("a channel in a frame may die as soon as its value has come", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::channel<weft::channel<int>*> to_do;
    long sum = 0;
    crew c(s);
    c.start([&] {
        for (weft::channel<int>* answer : to_do) answer->send(1);
    });
    c.start([&] {
        for (std::size_t i = 0; i < 2000; ++i) {
            weft::channel<int> answer(i % 2);
            to_do.send(&answer);
            sum += answer.recv().value();
        }
        to_do.close();
    });
    c.join();
    CHECK(sum == 2000);
}

TEST_CASE("a producer whose sends never wait can be cancelled", "[sync]") {
    weft::channel<char> ch(std::numeric_limits<std::size_t>::max());
    crew c({2});
    auto producer = c.start([&] {
        for (;;) ch.send('x');
    });
    until([&] { return !ch.empty(); });
    producer.cancel();
    c.join();
    CHECK(producer.cancelled());
}
