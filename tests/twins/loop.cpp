// SPDX-License-Identifier: Apache-2.0
// Twins of loop.py: callbacks, timers, and tasks among them.
#include "twin.hpp"

namespace twins {
namespace {

using namespace std::chrono_literals;

/// say of one word or two, as a function that a loop can call.
constexpr auto say_it = [](const auto&... words) { say(words...); };

const twin callbacks_in_the_order_of_the_calls("loop.callbacks_in_the_order_of_the_calls",
                                               "LOOP-01", [] {
                                                   auto& loop = weft::get_running_loop();
                                                   for (int n = 0; n < 3; ++n)
                                                       loop.call_soon(say_it, "callback", n);
                                                   say("called");
                                                   weft::yield();
                                                   say("after a yield");
                                               });

const twin what_a_callback_schedules_comes_next_turn(
    "loop.what_a_callback_schedules_comes_next_turn", "LOOP-02", [] {
        auto& loop = weft::get_running_loop();
        loop.call_soon([&loop] {
            say("a");
            loop.call_soon(say_it, "c");
        });
        loop.call_soon(say_it, "b");
        weft::yield();
        weft::yield();
    });

const twin callbacks_and_tasks("loop.callbacks_and_tasks", "LOOP-01 TSK-03", [] {
    auto& loop = weft::get_running_loop();
    auto body = [](int n) {
        say("task", n);
        weft::yield();
        say("task", n, "goes on");
    };
    loop.call_soon(say_it, "callback 1");
    auto first = weft::create_task(body, 1);
    loop.call_soon(say_it, "callback 2");
    auto second = weft::create_task(body, 2);
    loop.call_soon(say_it, "callback 3");
    weft::await(first);
    weft::await(second);
});

const twin later_and_soon("loop.later_and_soon", "LOOP-03", [] {
    auto& loop = weft::get_running_loop();
    loop.call_later(2s, say_it, 1);
    loop.call_later(1s, say_it, 2);
    loop.call_soon(say_it, 3);
    sleep(3);
    say("at", seconds());
});

const twin at_a_time("loop.at_a_time", "LOOP-04", [] {
    auto& loop = weft::get_running_loop();
    const auto now = loop.time();
    loop.call_at(now + 2s, [] { say("two", seconds()); });
    loop.call_at(now + 1s, [] { say("one", seconds()); });
    sleep(3);
});

const twin in_the_past("loop.in_the_past", "LOOP-05", [] {
    auto& loop = weft::get_running_loop();
    loop.call_later(-1s, say_it, "a");
    loop.call_later(-2s, say_it, "b");
    sleep(1);
});

const twin equal_deadlines("loop.equal_deadlines", "LOOP-06", [] {
    auto& loop = weft::get_running_loop();
    const auto when = loop.time() + 1s;
    for (int n = 0; n < 10; ++n) loop.call_at(when, say_it, n);
    sleep(2);
});

const twin cancelled_handles("loop.cancelled_handles", "LOOP-07", [] {
    auto& loop = weft::get_running_loop();
    auto soon = loop.call_soon(say_it, "never");
    auto later = loop.call_later(1s, say_it, "never");
    auto kept = loop.call_later(1s, say_it, "kept");
    soon.cancel();
    later.cancel();
    later.cancel();
    say(soon.cancelled(), later.cancelled(), kept.cancelled());
    sleep(2);
});

const twin a_callback_that_throws("loop.a_callback_that_throws", "LOOP-13", [] {
    auto& loop = weft::get_running_loop();
    loop.call_soon([] {
        say("throws");
        throw error("broken callback");
    });
    loop.call_soon(say_it, "the next one");
    weft::yield();
    say("goes on");
});

const twin a_callback_that_sets_a_future("loop.a_callback_that_sets_a_future", "FUT-11", [] {
    auto& loop = weft::get_running_loop();
    auto promise = loop.create_future<std::string>();
    loop.call_later(2s, [&promise] { promise.set_value("it"); });
    const std::string value = weft::await(promise.get_future());
    say(value, seconds());
});

const twin threadsafe_and_soon("loop.threadsafe_and_soon", "LOOP-11", [] {
    auto& loop = weft::get_running_loop();
    loop.call_soon_threadsafe(say_it, "a");
    loop.call_soon(say_it, "b");
    loop.call_soon_threadsafe(say_it, "c");
    weft::yield();
    weft::yield();
});

} // namespace
} // namespace twins
