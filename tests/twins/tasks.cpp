// SPDX-License-Identifier: Apache-2.0
// Twins of tasks.py: when tasks begin, wait and end.
#include <vector>

#include "twin.hpp"

namespace twins {
namespace {

const twin start_order("tasks.start_order", "TSK-01 TSK-03", [] {
    auto body = [](int n) {
        say("begins", n);
        weft::yield();
        say("ends", n);
    };
    std::vector<weft::task<void>> tasks;
    for (int n = 0; n < 3; ++n) tasks.push_back(weft::create_task(body, n));
    say("created");
    for (auto& t : tasks) weft::await(t);
    say("awaited");
});

const twin grandchildren("tasks.grandchildren", "TSK-03", [] {
    auto leaf = [](int n) { say("leaf", n); };
    auto child = [&](int n) {
        say("child", n);
        auto t = weft::create_task(leaf, n);
        weft::yield();
        say("child", n, "goes on");
        weft::await(t);
    };
    std::vector<weft::task<void>> tasks;
    for (int n = 0; n < 2; ++n) tasks.push_back(weft::create_task(child, n));
    for (auto& t : tasks) weft::await(t);
});

const twin a_call_lets_nobody_in("tasks.a_call_lets_nobody_in", "CRO-02", [] {
    auto callee = [](int x) {
        say("callee");
        return x + 1;
    };
    auto t = weft::create_task([] { say("sibling"); });
    say("gives", callee(1));
    weft::await(t);
});

std::string others() {
    say("start");
    sleep(2);
    say("end");
    return "value";
}

const twin one_after_the_other("tasks.one_after_the_other", "CRO-04", [] {
    say(others());
    const std::string second = others();
    say(second, seconds());
});

const twin both_at_once("tasks.both_at_once", "CRO-05 CRO-06", [] {
    auto one = weft::create_task(others);
    auto two = weft::create_task(others);
    say(weft::await(one));
    const std::string second = weft::await(two);
    say(second, seconds());
});

const twin yield_by_turns("tasks.yield_by_turns", "LOOP-22 LOOP-23", [] {
    auto body = [](int n) {
        for (const char* step : {"A", "B", "C"}) {
            say(n, step);
            weft::yield();
        }
    };
    auto one = weft::create_task(body, 1);
    auto two = weft::create_task(body, 2);
    weft::await(one);
    weft::await(two);
});

const twin a_done_task_does_not_yield("tasks.a_done_task_does_not_yield", "FUT-09", [] {
    auto done = weft::create_task([] { return 7; });
    weft::await(done);
    auto t = weft::create_task([] { say("sibling"); });
    say(weft::await(done));
    say(weft::await(done));
    weft::await(t);
});

const twin waiters_in_order("tasks.waiters_in_order", "FUT-13", [] {
    auto w = weft::create_task([] {
        sleep(1);
        say("worker ends");
        return 5;
    });
    std::vector<weft::task<void>> waiters;
    for (int n = 0; n < 4; ++n)
        waiters.push_back(weft::create_task([n, w] { say(n, "gets", weft::await(w)); }));
    for (auto& t : waiters) weft::await(t);
});

const twin exceptions_through_the_chain("tasks.exceptions_through_the_chain", "CRO-13", [] {
    auto deep = [](int x) {
        weft::yield();
        if (x > 1) throw error("too much");
        return x;
    };
    auto middle = [&](int x) {
        on_exit leaving([] { say("middle leaves"); });
        return deep(x) + 1000;
    };
    attempt("one", [&] { return middle(1); });
    attempt("two", [&] { return middle(2); });
});

const twin a_failure_for_each_who_waits("tasks.a_failure_for_each_who_waits", "TSK-02", [] {
    auto t = weft::create_task([] { throw error("broken"); });
    attempt("first", [&] { weft::await(t); });
    attempt("second", [&] { weft::await(t); });
    say(t.done(), t.cancelled());
});

const twin names("tasks.names", "TSK-04 TSK-05", [] {
    auto body = [] {
        weft::yield();
        say(weft::this_task::name());
    };
    auto one = weft::create_task({.name = "n1"}, body);
    auto two = weft::create_task({.name = "n2"}, [&] {
        body();
        weft::this_task::set_name("later");
    });
    weft::await(one);
    weft::await(two);
    say(two.name());
});

const twin a_task_that_awaits_itself("tasks.a_task_that_awaits_itself", "TSK-06", [] {
    weft::task<void> itself;
    itself = weft::create_task([&itself] {
        weft::yield();
        weft::await(itself);
    });
    attempt("it", [&] { weft::await(itself); });
});

const twin timers_by_deadline("tasks.timers_by_deadline", "LOOP-03", [] {
    auto body = [](int n) {
        sleep(n);
        say(n, "at", seconds());
    };
    std::vector<weft::task<void>> tasks;
    for (int n : {3, 1, 2, 0}) tasks.push_back(weft::create_task(body, n));
    for (auto& t : tasks) weft::await(t);
});

const twin equal_deadlines("tasks.equal_deadlines", "LOOP-06", [] {
    auto body = [](int n) {
        sleep(1);
        say(n);
    };
    std::vector<weft::task<void>> tasks;
    for (int n = 0; n < 10; ++n) tasks.push_back(weft::create_task(body, n));
    for (auto& t : tasks) weft::await(t);
});

const twin who_is_left_is_cancelled("tasks.who_is_left_is_cancelled", "RUN-02", [] {
    weft::create_task([] {
        on_exit cleanup([] { say("cleans up"); });
        weft::event never;
        never.wait();
    });
    weft::yield();
    say("main ends");
});

int chain(int n) { return n == 0 ? 0 : weft::await(weft::create_task(chain, n - 1)) + 1; }

const twin a_chain_of_tasks("tasks.a_chain_of_tasks", "TSK-15", [] { say(chain(100)); });

const twin ensure_future_of_both("tasks.ensure_future_of_both", "TSK-07", [] {
    auto t = weft::ensure_future([] {
        say("runs");
        return 3;
    });
    say("made");
    say(weft::task_handle(weft::ensure_future(t)) == weft::task_handle(t));
    say(weft::await(t));
});

} // namespace
} // namespace twins
