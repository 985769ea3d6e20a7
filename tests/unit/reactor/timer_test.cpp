// SPDX-License-Identifier: Apache-2.0
// The timers' queue, the null backend and the reactor over it.
#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "reactor/epoll_backend.hpp"
#include "reactor/null_backend.hpp"
#include "reactor/reactor.hpp"

using namespace weft::detail;

namespace {

// A timer that writes itself down when it fires.
struct noted : timer {
    noted(deadline_ns at, int number, std::vector<int>& into) : name(number), fired(&into) {
        when = at;
        fire = [](timer& t) noexcept {
            auto& self = static_cast<noted&>(t);
            self.fired->push_back(self.name);
        };
    }
    int name;
    std::vector<int>* fired;
};

timer* pop_one(timer_queue& queue, deadline_ns now) {
    std::array<timer*, 1> due{};
    queue.pop_due(now, due);
    return due[0];
}

// Some at a time: what was popped before is in order, too.
std::vector<int> drain(timer_queue& queue, deadline_ns now = k_never) {
    std::vector<int> names;
    std::array<timer*, 4> due{};
    for (std::size_t count = due.size(); count == due.size();) {
        count = queue.pop_due(now, due);
        for (timer* t : std::span(due).first(count)) names.push_back(static_cast<noted*>(t)->name);
    }
    return names;
}

std::unique_ptr<reactor> over_null(time_source& time) {
    return std::make_unique<reactor>(std::make_unique<null_backend>(time), time);
}

} // namespace

// ---- the queue ---------------------------------------------------------------------------------

TEST_CASE("timers come out of the queue in the order of their deadlines, when they are due",
          "[reactor]") {
    std::vector<int> unused;
    std::deque<noted> timers;
    timer_queue queue;
    CHECK(queue.next() == k_never);
    CHECK(pop_one(queue, k_never - 1) == nullptr);
    for (const int when : {50, 10, 90, 30, 70, 20, 80, 40, 60}) {
        timers.emplace_back(when, when, unused);
        queue.push(timers.back());
    }
    CHECK(queue.next() == 10);
    CHECK(pop_one(queue, 9) == nullptr);
    CHECK(drain(queue, 40) == std::vector{10, 20, 30, 40});
    CHECK(queue.next() == 50);
    CHECK(queue.size() == 5);
    CHECK(drain(queue, 1000) == std::vector{50, 60, 70, 80, 90});
    CHECK(queue.size() == 0);
    for (const noted& t : timers) CHECK(t.index == timer::k_not_armed);
}

TEST_CASE("equal deadlines come out of the queue in the order they were set", "[reactor]") {
    std::vector<int> unused, expected;
    std::deque<noted> timers;
    timer_queue queue;
    for (int i = 0; i < 100; ++i) {
        timers.emplace_back(i % 2 == 0 ? 7 : 3, i, unused);
        queue.push(timers.back());
    }
    for (int i = 1; i < 100; i += 2) expected.push_back(i);
    for (int i = 0; i < 100; i += 2) expected.push_back(i);
    CHECK(drain(queue, 7) == expected);
}

TEST_CASE("a timer taken out of any place of the queue leaves the order of the rest", "[reactor]") {
    constexpr int k_count = 30;
    for (int gone = 0; gone < k_count; ++gone) {
        std::vector<int> unused, expected;
        std::deque<noted> timers;
        timer_queue queue;
        for (int i = 0; i < k_count; ++i) {
            const int when = i * 17 % k_count; // all of them, shuffled
            timers.emplace_back(when, when, unused);
            queue.push(timers.back());
        }
        for (int i = 0; i < k_count; ++i)
            if (i != timers[gone].name) expected.push_back(i);
        queue.remove(timers[gone]);
        CHECK(timers[gone].index == timer::k_not_armed);
        REQUIRE(drain(queue, k_count) == expected);
    }
}

TEST_CASE("the queue does the same as a sorted map in random operations", "[reactor]") {
    constexpr int k_operations = 100'000;
    std::vector<int> unused;
    std::deque<noted> timers;
    std::vector<noted*> free;
    std::multimap<deadline_ns, noted*> model; // equal keys stay in the order of insertion
    std::vector<std::multimap<deadline_ns, noted*>::iterator> armed;
    timer_queue queue;
    random_source random(42);
    // Without the wheel: all are due in the first tick. And over all its levels: up to two hours ahead of a time that goes on.
    const bool far = GENERATE(false, true);
    CAPTURE(far);
    deadline_ns now = 0;
    const auto some_time = [&]() -> deadline_ns {
        if (!far) return random.below(50); // many equal ones
        return now + (std::int64_t{random.below(1U << 24)} << random.below(20));
    };
    auto disarmed = [&](noted* t) {
        for (std::size_t i = 0; i < armed.size(); ++i)
            if (armed[i]->second == t) {
                model.erase(armed[i]);
                armed[i] = armed.back();
                armed.pop_back();
                break;
            }
        free.push_back(t);
    };
    for (int i = 0; i < k_operations; ++i) {
        const std::uint32_t what = random.below(100);
        // Grows and shrinks in turns, so that it meets small heaps and large ones.
        const std::uint32_t pushes = i / 2000 % 2 == 0 ? 55 : 40;
        if (what < pushes) {
            const deadline_ns when = some_time();
            noted* t = nullptr;
            if (free.empty()) {
                t = &timers.emplace_back(when, static_cast<int>(timers.size()), unused);
            } else {
                t = free.back();
                free.pop_back();
                t->when = when;
            }
            queue.push(*t);
            armed.push_back(model.emplace(when, t));
        } else if (what < 80 && !armed.empty()) {
            noted* t = armed[random.below(static_cast<std::uint32_t>(armed.size()))]->second;
            queue.remove(*t);
            disarmed(t);
        } else {
            now = far ? now + (std::int64_t{1} << random.below(30)) : random.below(50);
            timer* t = pop_one(queue, now);
            const bool is_due = !model.empty() && model.begin()->first <= now;
            REQUIRE((t != nullptr) == is_due);
            if (is_due) {
                REQUIRE(t == model.begin()->second);
                disarmed(model.begin()->second);
            }
        }
        REQUIRE(queue.size() == model.size());
        const deadline_ns first = model.empty() ? k_never : model.begin()->first;
        REQUIRE((far ? queue.next() <= first : queue.next() == first));
    }
}

TEST_CASE("what the wheel knows is due when its time has come, however far that was", "[reactor]") {
    std::vector<int> unused;
    std::deque<noted> timers;
    timer_queue queue;
    // From a microsecond to 36 years, around each limit of a level, the latest first.
    for (int bit = 60; bit >= 10; --bit)
        for (const deadline_ns beside : {1, 0, -1})
            timers.emplace_back((deadline_ns{1} << bit) + beside, static_cast<int>(timers.size()),
                                unused);
    for (noted& t : timers) queue.push(t);
    for (std::size_t left = timers.size(); left-- > 0;) {
        const deadline_ns when = timers[left].when;
        REQUIRE(queue.next() <= when);
        REQUIRE(pop_one(queue, when - 1) == nullptr);
        REQUIRE(queue.next() == when); // what was just looked at is known exactly
        REQUIRE(pop_one(queue, when) == &timers[left]);
    }
    CHECK(queue.next() == k_never);
}

TEST_CASE("the first timer of many may go: a look at its time finds the next one", "[reactor]") {
    std::vector<int> unused;
    timer_queue queue;
    constexpr deadline_ns k_second = 1'000'000'000;
    const int others = GENERATE(0, 100);
    std::deque<noted> crowd;
    for (int i = 0; i < others; ++i)
        queue.push(crowd.emplace_back(k_second + 2000 + i, 10 + i, unused));
    noted first(k_second, 1, unused), second(k_second + 1000, 2, unused),
        last(60 * k_second, 3, unused);
    for (noted* t : {&last, &second, &first}) queue.push(*t);
    CHECK(queue.next() == k_second);
    queue.remove(first);
    CHECK(queue.next() <= second.when);
    CHECK(pop_one(queue, k_second) == nullptr);
    CHECK(queue.next() == second.when);
    queue.remove(second);
    for (noted& t : crowd) queue.remove(t);
    CHECK(queue.next() == last.when);
    queue.remove(last);
    CHECK(queue.next() == k_never);
}

TEST_CASE("where many timers were and none is left, the next one is the first", "[reactor]") {
    std::vector<int> unused;
    timer_queue queue;
    constexpr deadline_ns k_second = 1'000'000'000;
    std::deque<noted> crowd; // of one slot; the first goes first
    for (int i = 0; i < 100; ++i) queue.push(crowd.emplace_back(k_second + i, i, unused));
    for (noted& t : crowd) queue.remove(t);
    CHECK(queue.next() == k_never);
    noted late(k_second + 1000, 100, unused);
    queue.push(late);
    CHECK(queue.next() == late.when);
    queue.remove(late);
}

TEST_CASE("sleeps end at each timer's time while there are few, and are steps in a crowd",
          "[reactor]") {
    timer_pace pace;
    deadline_ns now = 5'000'000'000;
    const auto timers_every = [&](deadline_ns gap, int sleeps, unsigned at_once) {
        for (int i = 0; i < sleeps; ++i) {
            now += gap * at_once;
            pace.fired(at_once);
            pace.slept(now);
        }
    };
    CHECK_FALSE(pace.is_crowd());
    timers_every(1'000'000, 100, 1); // a ticker
    CHECK_FALSE(pace.is_crowd());
    timers_every(10'000, 10, 1); // some close ones
    CHECK_FALSE(pace.is_crowd());
    timers_every(10'000, 100, 1);
    CHECK(pace.is_crowd());
    timers_every(20'000, 100, 5); // seen in steps
    CHECK(pace.is_crowd());
    for (int i = 0; i < 1000; ++i) pace.slept(now += 10'000); // woken for something else
    CHECK(pace.is_crowd());
    timers_every(1'000'000, 1, 1); // the first one after the crowd
    CHECK_FALSE(pace.is_crowd());
}

TEST_CASE("in a crowd of timers none fires early, and some fire together", "[reactor]") {
    time_source time;
    reactor r(std::make_unique<epoll_backend>(), time);
    struct timed : timer {
        time_source* clock = nullptr;
        deadline_ns fired = k_never;
    };
    constexpr int k_count = 2000;
    std::deque<timed> timers(k_count);
    const deadline_ns start = time.now() + 1'000'000;
    for (int i = 0; i < k_count; ++i) {
        timed& t = timers[i];
        t.clock = &time;
        t.when = start + i * 5'000;
        t.fire = [](timer& self) noexcept {
            auto& me = static_cast<timed&>(self);
            me.fired = me.clock->now();
        };
        r.add(t);
    }
    REQUIRE(r.try_take());
    unsigned polls = 0;
    for (unsigned fired = 0; fired < k_count; ++polls) fired += r.poll(k_never);
    r.give();
    for (const timed& t : timers) REQUIRE(t.fired >= t.when);
    CHECK(polls < k_count / 4); // mostly many were served together
}

// ---- the null backend --------------------------------------------------------------------------

TEST_CASE("under virtual time the null backend jumps to the deadline", "[reactor]") {
    time_source time(true);
    null_backend kernel(time);
    const deadline_ns start = time.now();
    constexpr deadline_ns k_year = 31'536'000'000'000'000;
    CHECK(kernel.poll(start + k_year) == 0);
    CHECK(time.now() == start + k_year);
    kernel.poll(start); // long past: time does not go back
    CHECK(time.now() == start + k_year);
    kernel.poll(0);
    kernel.poll(-5);
    CHECK(time.now() == start + k_year);
}

TEST_CASE("a wake keeps the virtual time for one poll", "[reactor]") {
    time_source time(true);
    null_backend kernel(time);
    const deadline_ns start = time.now();
    kernel.wake();
    kernel.wake(); // they are not counted
    kernel.poll(start + 10);
    CHECK(time.now() == start);
    kernel.poll(start + 10);
    CHECK(time.now() == start + 10);
}

TEST_CASE("in real time the null backend waits until the deadline, or a wake", "[reactor]") {
    time_source time;
    null_backend kernel(time);
    const deadline_ns until = time.now() + 2'000'000;
    kernel.poll(until);
    CHECK(time.now() >= until);          // never early
    kernel.poll(time.now() - 1'000'000); // in the past: looks only

    kernel.wake();
    kernel.poll(k_never);
    std::jthread waker([&] { kernel.wake(); });
    kernel.poll(k_never); // would last for ever
}

TEST_CASE("the null backend takes no descriptors", "[reactor]") {
    time_source time;
    null_backend kernel(time);
    io_slot slot;
    operation op{operation_kind::readable, &slot, nullptr, 0, 0, {}};
    CHECK(kernel.attach(slot) == std::errc::operation_not_supported);
    CHECK(kernel.descriptor() == -1);
    CHECK(kernel.submit(op, nullptr, nullptr)); // at once, without a wait
    CHECK(op.result == -EOPNOTSUPP);
}

// ---- the reactor -------------------------------------------------------------------------------

TEST_CASE("due timers fire in order, and a poll fires a batch at most", "[reactor]") {
    constexpr int k_count = 150, k_batch = backend::k_batch;
    time_source time(true);
    const auto r = over_null(time);
    std::vector<int> fired, expected;
    std::deque<noted> timers;
    const deadline_ns start = time.now();
    for (int i = 0; i < k_count; ++i) timers.emplace_back(start - i, i, fired);
    for (noted& t : timers) r->add(t);
    for (int i = k_count; i-- > 0;) expected.push_back(i);
    CHECK(r->next_deadline() == start - k_count + 1);

    REQUIRE(r->try_take());
    CHECK(r->poll(start + 1000) == k_batch);
    CHECK(fired.size() == k_batch);
    CHECK(r->poll(start + 1000) == k_batch);
    CHECK(r->poll(start + 1000) == k_count - 2 * k_batch);
    CHECK(time.now() == start); // while timers are due nobody waits
    CHECK(fired == expected);
    CHECK(r->next_deadline() == k_never);
    CHECK(r->poll(start + 1000) == 0);
    CHECK(time.now() == start + 1000);
    CHECK(r->last_poll() == start + 1000);
    r->give();
}

TEST_CASE("a poll waits until its deadline or the first timer, whichever comes first",
          "[reactor]") {
    time_source time(true);
    const auto r = over_null(time);
    std::vector<int> fired;
    const deadline_ns start = time.now();
    noted late(start + 300, 2, fired), early(start + 100, 1, fired);
    r->add(late);
    r->add(early);
    REQUIRE(r->try_take());
    CHECK(r->poll(start + 50) == 0);
    CHECK(time.now() == start + 50);
    CHECK(r->poll(k_never) == 1);
    CHECK(time.now() == start + 100);
    CHECK(fired == std::vector{1});
    CHECK(r->poll(start + 100) == 0); // not later than now: looks only
    CHECK(time.now() == start + 100);
    CHECK(r->poll(k_never) == 1);
    CHECK(time.now() == start + 300);
    CHECK(fired == std::vector{1, 2});
    r->give();
}

TEST_CASE("a removed timer does not fire, and one that has fired cannot be removed", "[reactor]") {
    time_source time(true);
    const auto r = over_null(time);
    std::vector<int> fired;
    const deadline_ns start = time.now();
    noted a(start + 1, 1, fired), b(start + 2, 2, fired), c(start + 3, 3, fired);
    CHECK_FALSE(reactor::remove(a)); // never armed
    for (noted* t : {&a, &b, &c}) r->add(*t);
    CHECK(reactor::remove(a));
    CHECK(r->next_deadline() == start + 2);
    CHECK_FALSE(reactor::remove(a));
    REQUIRE(r->try_take());
    CHECK(r->poll(start + 2) == 1);
    CHECK(fired == std::vector{2});
    CHECK_FALSE(reactor::remove(b));
    CHECK(reactor::remove(c));
    CHECK(r->next_deadline() == k_never);
    CHECK(r->poll(start + 10) == 0);
    CHECK(fired == std::vector{2});
    r->give();
}

TEST_CASE("a timer may be armed again after it fired", "[reactor]") {
    time_source time(true);
    const auto r = over_null(time);
    std::vector<int> fired;
    noted t(time.now() + 1, 1, fired);
    REQUIRE(r->try_take());
    for (int round = 0; round < 3; ++round) {
        t.when = time.now() + 1;
        r->add(t);
        CHECK(r->poll(k_never) == 1);
    }
    CHECK(fired.size() == 3);
    r->give();
}

TEST_CASE("the baton is held by one thread at a time", "[reactor]") {
    time_source time;
    const auto r = over_null(time);
    CHECK_FALSE(r->is_driven());
    CHECK(r->try_take());
    CHECK(r->is_driven());
    CHECK_FALSE(r->try_take());
    r->give();
    CHECK_FALSE(r->is_driven());

    int plain = 0; // the baton alone keeps it
    constexpr int k_threads = 3, k_rounds = 2000;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < k_threads; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < k_rounds; ++i) {
                    while (!r->try_take()) std::this_thread::yield();
                    const int before = plain;
                    if (i % 100 == 0) std::this_thread::yield();
                    plain = before + 1;
                    r->give();
                }
            });
    }
    CHECK(plain == k_threads * k_rounds);
}

TEST_CASE("threads arm and remove timers while another one polls: each fires once or never",
          "[reactor]") {
    time_source time;
    reactor r(std::make_unique<epoll_backend>(), time);
    struct counted : timer {
        std::atomic<int> fired{0};
    };
    constexpr int k_threads = 3, k_rounds = 500;
    std::atomic<int> wrong{0}, running{k_threads};
    std::vector<std::jthread> threads;
    for (int n = 0; n < k_threads; ++n)
        threads.emplace_back([&, n] {
            for (int i = 0; i < k_rounds; ++i) {
                counted t;
                t.fire = [](timer& self) noexcept { ++static_cast<counted&>(self).fired; };
                t.when = time.now() + (i % 3 - 1) * 20'000;
                r.add(t);
                for (int spin = 0; spin < (i + n) % 4; ++spin) std::this_thread::yield();
                const bool removed = reactor::remove(t); // t goes right afterwards
                if (t.fired != (removed ? 0 : 1)) ++wrong;
            }
            --running;
            r.kernel().wake();
        });
    REQUIRE(r.try_take());
    while (running != 0) r.poll(time.now() + 1'000'000);
    r.give();
    threads.clear();
    CHECK(wrong == 0);
    CHECK(r.next_deadline() == k_never);
}

TEST_CASE("a timer that is due before a sleep ends wakes the sleeper", "[reactor]") {
    const bool over_epoll = GENERATE(true, false);
    CAPTURE(over_epoll);
    time_source time;
    std::unique_ptr<backend> kernel;
    if (over_epoll)
        kernel = std::make_unique<epoll_backend>();
    else
        kernel = std::make_unique<null_backend>(time);
    reactor r(std::move(kernel), time);
    std::vector<int> fired;
    noted t(time.now(), 1, fired);
    std::jthread sleeper([&] {
        while (!r.try_take()) std::this_thread::yield();
        while (r.poll(k_never) == 0) {} // for ever, but for the timer
        r.give();
    });
    for (int i = 0; i < 100; ++i) std::this_thread::yield(); // mostly it sleeps by now
    r.add(t);
    sleeper.join();
    CHECK(fired == std::vector{1});
}
