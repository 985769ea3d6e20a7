// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include <weft/fiber/waker.hpp>

using namespace weft::detail;

namespace {

class guest final : public waiter {
public:
    ~guest() override = default;
    void resume() noexcept override { ++resumed; }
    waker begin(bool cancellable = true) {
        REQUIRE(word.begin(cancellable));
        return {this, word.epoch()};
    }
    int resumed = 0;
};

// Rounds in which all runners start at once. Between rounds nobody runs but the caller.
class race {
public:
    explicit race(std::vector<std::function<void()>> runners)
        : count_(static_cast<int>(runners.size())) {
        for (auto& r : runners)
            threads_.emplace_back([this, r] {
                for (int round = 1; wait_for(round); ++round) {
                    r();
                    ++arrived_;
                }
            });
    }
    ~race() { round_ = -1; }
    void round() {
        arrived_ = 0;
        ++round_;
        while (arrived_ != count_) std::this_thread::yield();
    }

private:
    bool wait_for(int round) {
        int now = 0;
        while ((now = round_) >= 0 && now < round) std::this_thread::yield();
        return now >= 0;
    }
    const int count_;
    std::atomic<int> round_{0}, arrived_{0};
    std::vector<std::jthread> threads_; // last: they end before the rest goes
};

} // namespace

TEST_CASE("a wait is ended by the first who ends it, and by nobody else", "[fiber]") {
    wait_word w;
    REQUIRE(w.begin(true));
    CHECK_FALSE(w.has_ended());
    const auto epoch = w.epoch();
    CHECK(w.end(epoch, wait_end::expired));
    CHECK(w.has_ended());
    CHECK(w.how() == wait_end::expired);

    CHECK_FALSE(w.end(epoch, wait_end::notified));
    CHECK_FALSE(w.request_cancel()); // too late for this wait
    CHECK(w.how() == wait_end::expired);
}

TEST_CASE("before its first wait there is nothing to end", "[fiber]") {
    wait_word w;
    CHECK(w.has_ended());
    CHECK_FALSE(w.end(w.epoch(), wait_end::notified));
    CHECK_FALSE(w.cancel_pending());
    CHECK_FALSE(w.take_cancel());
    wait_word::epoch_type epoch = 0;
    CHECK_FALSE(w.freeze(epoch));
}

TEST_CASE("a waker of an earlier wait does not end a later one", "[fiber]") {
    wait_word w;
    REQUIRE(w.begin(true));
    const auto first = w.epoch();
    REQUIRE(w.end(first, wait_end::notified));
    REQUIRE(w.begin(true));
    const auto second = w.epoch();
    CHECK(second != first);
    CHECK_FALSE(w.end(first, wait_end::notified));
    CHECK_FALSE(w.has_ended());
    CHECK(w.end(second, wait_end::notified));
}

TEST_CASE("a pending cancel refuses a cancellable wait and grants a masked one", "[fiber]") {
    wait_word w;
    CHECK_FALSE(w.request_cancel()); // nobody waits
    CHECK(w.cancel_pending());
    const auto before = w.epoch();
    CHECK_FALSE(w.begin(true));
    CHECK(w.epoch() == before);
    CHECK(w.has_ended()); // nothing has begun

    CHECK(w.begin(false));
    CHECK_FALSE(w.has_ended());
    CHECK(w.cancel_pending()); // kept for later
    CHECK(w.end(w.epoch(), wait_end::notified));
    CHECK(w.how() == wait_end::notified);
    CHECK_FALSE(w.begin(true));
    CHECK(w.take_cancel());
    CHECK(w.begin(true));
}

TEST_CASE("a cancel ends a cancellable wait", "[fiber]") {
    wait_word w;
    REQUIRE(w.begin(true));
    const auto epoch = w.epoch();
    CHECK(w.request_cancel());
    CHECK(w.how() == wait_end::cancelled);
    CHECK_FALSE(w.end(epoch, wait_end::notified));
    CHECK_FALSE(w.request_cancel()); // once
    CHECK(w.how() == wait_end::cancelled);
    CHECK(w.take_cancel());
}

TEST_CASE("a cancel of a masked wait only leaves a mark", "[fiber]") {
    wait_word w;
    REQUIRE(w.begin(false));
    CHECK_FALSE(w.request_cancel());
    CHECK_FALSE(w.has_ended());
    CHECK(w.cancel_pending());
    wait_word::epoch_type epoch = 0;
    CHECK_FALSE(w.freeze(epoch));
    CHECK(w.end(w.epoch(), wait_end::notified));
    CHECK(w.how() == wait_end::notified);
    CHECK(w.take_cancel());

    REQUIRE(w.begin(true)); // the mask was that wait's alone
    CHECK(w.request_cancel());
}

TEST_CASE("a cancel is taken once, however often it was requested", "[fiber]") {
    wait_word w;
    w.request_cancel();
    w.request_cancel();
    CHECK(w.take_cancel());
    CHECK_FALSE(w.take_cancel());
    CHECK_FALSE(w.cancel_pending());
    CHECK(w.begin(true));
}

TEST_CASE("a frozen wait goes on after the thaw, with the cancel left for it", "[fiber]") {
    wait_word w;
    REQUIRE(w.begin(true));
    wait_word::epoch_type frozen = 0, again = 0;
    REQUIRE(w.freeze(frozen));
    CHECK(frozen == w.epoch());
    CHECK_FALSE(w.has_ended());
    CHECK_FALSE(w.freeze(again));
    CHECK_FALSE(w.request_cancel()); // the one who froze it delivers
    CHECK_FALSE(w.has_ended());
    w.thaw_cancelled();
    CHECK_FALSE(w.has_ended());
    CHECK(w.cancel_pending());

    SECTION("the canceller ends it") {
        CHECK(w.end(frozen, wait_end::cancelled));
        CHECK(w.how() == wait_end::cancelled);
    }
    SECTION("the cancel was passed on, and what the wait was for comes first") {
        CHECK(w.end(frozen, wait_end::notified));
        CHECK_FALSE(w.end(frozen, wait_end::cancelled));
        CHECK(w.how() == wait_end::notified);
    }
    CHECK(w.take_cancel());
    CHECK_FALSE(w.freeze(again)); // ended
}

TEST_CASE("who ends a frozen wait is held up until the thaw", "[fiber]") {
    wait_word w;
    REQUIRE(w.begin(true));
    wait_word::epoch_type epoch = 0;
    REQUIRE(w.freeze(epoch));
    std::atomic<bool> tries{false}, thawed{false}, ended{false}, too_early{false};
    std::jthread ender([&] {
        tries = true;
        ended = w.end(epoch, wait_end::notified);
        too_early = !thawed;
    });
    while (!tries) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    CHECK_FALSE(w.has_ended());
    thawed = true;
    w.thaw_cancelled();
    ender.join();
    CHECK(ended);
    CHECK_FALSE(too_early);
    CHECK(w.how() == wait_end::notified);
    CHECK(w.cancel_pending());
}

TEST_CASE("of threads that end, expire and cancel the same wait exactly one succeeds", "[fiber]") {
    constexpr int k_rounds = 10'000;
    guest g;
    waker ticket;
    std::atomic<int> winners{0};
    std::atomic<wait_end> winner{wait_end::notified};
    auto won = [&](wait_end how) {
        ++winners;
        winner = how;
    };
    int by_how[6] = {};
    {
        race r({[&] {
                    if (ticket.claim(wait_end::notified)) won(wait_end::notified);
                },
                [&] {
                    if (ticket.claim(wait_end::expired)) won(wait_end::expired);
                },
                [&] {
                    if (g.word.request_cancel()) won(wait_end::cancelled);
                }});
        for (int i = 0; i < k_rounds; ++i) {
            ticket = g.begin();
            winners = 0;
            r.round();
            REQUIRE(winners == 1);
            REQUIRE(g.word.has_ended());
            REQUIRE(g.word.how() == winner);
            REQUIRE(g.word.take_cancel()); // won or lost, the cancel is kept
            REQUIRE_FALSE(g.word.take_cancel());
            ++by_how[static_cast<int>(winner.load())];
        }
    }
    CHECK(by_how[3] + by_how[4] + by_how[5] == k_rounds);
    CHECK(g.resumed == 0); // to claim is not to resume
}

TEST_CASE("of threads that end and freeze the same wait exactly one ends it", "[fiber]") {
    constexpr int k_rounds = 10'000;
    guest g;
    waker ticket;
    std::atomic<int> winners{0};
    std::atomic<bool> froze{false};
    race r({[&] {
                if (ticket.claim(wait_end::notified)) ++winners;
            },
            [&] {
                wait_word::epoch_type epoch = 0;
                if (!g.word.freeze(epoch)) return;
                froze = true;
                g.word.thaw_cancelled();
                if (epoch == ticket.epoch && g.word.end(epoch, wait_end::cancelled)) ++winners;
            }});
    for (int i = 0; i < k_rounds; ++i) {
        ticket = g.begin();
        winners = 0;
        froze = false;
        r.round();
        REQUIRE(winners == 1);
        REQUIRE(g.word.has_ended());
        REQUIRE(g.word.take_cancel() == froze);
    }
}

TEST_CASE("of threads that end masked waits while others cancel, only the enders succeed",
          "[fiber]") {
    constexpr int k_rounds = 10'000;
    guest g;
    waker ticket;
    std::atomic<int> enders{0}, cancellers{0};
    race r({[&] {
                if (ticket.claim(wait_end::notified)) ++enders;
            },
            [&] {
                if (g.word.request_cancel()) ++cancellers;
            }});
    for (int i = 0; i < k_rounds; ++i) {
        ticket = g.begin(false);
        enders = 0;
        r.round();
        REQUIRE(enders == 1);
        REQUIRE(g.word.how() == wait_end::notified);
        REQUIRE(g.word.take_cancel());
    }
    CHECK(cancellers == 0);
}

TEST_CASE("a waker resumes its waiter once, and a claim leaves that to the caller", "[fiber]") {
    guest g;
    waker w = g.begin();
    const waker copy = w;
    CHECK(w.wake());
    CHECK(g.resumed == 1);
    CHECK(g.word.how() == wait_end::notified);
    CHECK_FALSE(copy.wake(wait_end::expired));
    CHECK(g.resumed == 1);
    w = g.begin();
    CHECK_FALSE(copy.wake());
    CHECK(w.claim(wait_end::expired));
    CHECK(g.resumed == 1);
    CHECK(g.word.how() == wait_end::expired);
}

TEST_CASE("claim_first passes over waiters whose wait has ended", "[fiber]") {
    guest guests[4];
    wait_node nodes[4];
    wait_list list;
    for (int i = 0; i < 4; ++i) {
        nodes[i].who = guests[i].begin();
        list.push_back(nodes[i]);
    }
    CHECK(guests[0].word.request_cancel());
    CHECK(nodes[1].who.claim(wait_end::expired));

    CHECK(claim_first(list) == &nodes[2]);
    CHECK(guests[2].word.how() == wait_end::notified);
    CHECK(guests[0].word.how() == wait_end::cancelled);
    CHECK(guests[1].word.how() == wait_end::expired);
    for (int i = 0; i < 3; ++i) CHECK_FALSE(nodes[i].is_linked());
    CHECK(nodes[3].is_linked());
    CHECK_FALSE(guests[3].word.has_ended());

    CHECK(claim_first(list) == &nodes[3]);
    CHECK(claim_first(list) == nullptr);
    CHECK(list.empty());
    for (const guest& g : guests) CHECK(g.resumed == 0);
}
