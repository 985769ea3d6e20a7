// SPDX-License-Identifier: Apache-2.0
// Twins of futures.py: futures, callbacks, context variables.
#include <vector>

#include "twin.hpp"

namespace twins {
namespace {

const twin set_by_a_task("futures.set_by_a_task", "FUT-11", [] {
    weft::promise<std::string> promise;
    auto future = promise.get_future();
    weft::await(weft::create_task([&promise] {
        sleep(2);
        promise.set_value("666");
    }));
    const std::string data = weft::await(future);
    say(data, seconds());
});

const twin not_done_and_done("futures.not_done_and_done", "FUT-01 FUT-02", [] {
    weft::promise<int> promise;
    auto future = promise.get_future();
    auto result = [&] { return future.result(); };
    say(future.done(), future.cancelled());
    attempt("result", result);
    attempt("exception", [&] { static_cast<void>(future.exception()); });
    promise.set_value(1);
    say(future.done(), future.cancelled());
    attempt("result", result);
    attempt("set again", [&] { promise.set_value(2); });
    attempt("set an exception",
            [&] { promise.set_exception(std::make_exception_ptr(error("late"))); });
    attempt("result", result);
    say(future.cancel());
});

const twin a_failed_one("futures.a_failed_one", "FUT-03", [] {
    weft::promise<int> promise;
    auto future = promise.get_future();
    promise.set_exception(std::make_exception_ptr(error("broken")));
    attempt("result", [&] { return future.result(); });
    attempt("await", [&] { return weft::await(future); });
    say(future.cancelled(), future.cancel());
});

const twin a_cancelled_one("futures.a_cancelled_one", "FUT-04", [] {
    weft::promise<int> promise;
    auto future = promise.get_future();
    const bool cancelled = future.cancel("gone");
    say(cancelled, future.done(), future.cancelled());
    attempt("await", [&] { return weft::await(future); });
    say(future.cancel());
});

const twin several_who_wait("futures.several_who_wait", "FUT-13", [] {
    weft::promise<std::string> promise;
    auto future = promise.get_future();
    std::vector<weft::task<void>> tasks;
    for (int n = 0; n < 3; ++n)
        tasks.push_back(weft::create_task([n, future] { say(n, "gets", weft::await(future)); }));
    weft::yield();
    promise.set_value("it");
    say("set");
    for (auto& t : tasks) weft::await(t);
});

const twin callbacks_in_order("futures.callbacks_in_order", "FUT-05", [] {
    weft::promise<int> promise;
    auto future = promise.get_future();
    for (int n = 0; n < 3; ++n)
        future.add_done_callback([n](weft::future<int> f) { say("callback", n, f.result()); });
    promise.set_value(7);
    say("set");
    weft::yield();
    say("after a yield");
});

const twin a_callback_on_a_done_future("futures.a_callback_on_a_done_future", "FUT-06", [] {
    weft::promise<int> promise;
    auto future = promise.get_future();
    promise.set_value(7);
    future.add_done_callback([](weft::future<int> f) { say("callback", f.result()); });
    say("added");
    weft::yield();
    say("after a yield");
});

const twin callbacks_and_those_who_wait("futures.callbacks_and_those_who_wait", "FUT-05 FUT-13",
                                        [] {
                                            weft::promise<void> promise;
                                            auto future = promise.get_future();
                                            auto body = [future](int n) {
                                                weft::await(future);
                                                say("task", n);
                                            };
                                            future.add_done_callback([] { say("callback 1"); });
                                            auto first = weft::create_task(body, 1);
                                            weft::yield();
                                            future.add_done_callback([] { say("callback 2"); });
                                            auto second = weft::create_task(body, 2);
                                            weft::yield();
                                            future.add_done_callback([] { say("callback 3"); });
                                            promise.set_value();
                                            weft::await(first);
                                            weft::await(second);
                                        });

const twin a_callback_that_adds_another("futures.a_callback_that_adds_another", "FUT-08", [] {
    weft::promise<void> promise;
    auto future = promise.get_future();
    future.add_done_callback([](weft::future<void> f) {
        say("first");
        f.add_done_callback([] { say("added"); });
    });
    future.add_done_callback([] { say("second"); });
    promise.set_value();
    for (int i = 0; i < 3; ++i) weft::yield();
});

const twin a_callback_of_a_task("futures.a_callback_of_a_task", "FUT-05", [] {
    auto t = weft::create_task([] {
        say("body");
        return 3;
    });
    t.add_done_callback([](weft::future<int> f) { say("callback", f.result()); });
    say(weft::await(t));
});

const twin a_callback_that_throws("futures.a_callback_that_throws", "LOOP-13", [] {
    weft::promise<void> promise;
    auto future = promise.get_future();
    future.add_done_callback([] {
        say("throws");
        throw error("broken callback");
    });
    future.add_done_callback([] { say("the next one runs"); });
    promise.set_value();
    weft::yield();
    weft::yield();
    say("goes on");
});

weft::task_local<std::string>& variable() {
    static weft::task_local<std::string> v("initial");
    return v;
}

const twin a_child_has_its_creators_value("futures.a_child_has_its_creators_value", "CTX-01", [] {
    variable().set("parent's");
    auto t = weft::create_task([] {
        say("child sees", variable().get());
        variable().set("child's");
        weft::yield();
        say("child sees", variable().get());
    });
    variable().set("later");
    weft::await(t);
    say("parent sees", variable().get());
});

const twin each_task_its_own_value("futures.each_task_its_own_value", "CTX-02", [] {
    std::vector<weft::task<void>> tasks;
    for (int n = 0; n < 3; ++n)
        tasks.push_back(weft::create_task([n] {
            say(n, "begins with", variable().get());
            variable().set("value " + std::to_string(n));
            sleep(3 - n);
            say(n, "has", variable().get());
        }));
    for (auto& t : tasks) weft::await(t);
});

const twin a_call_shares_its_callers_value("futures.a_call_shares_its_callers_value", "CTX-01", [] {
    auto callee = [] { variable().set("callee's"); };
    variable().set("caller's");
    callee();
    say(variable().get());
});

const twin a_callback_has_the_value_of_who_added_it(
    "futures.a_callback_has_the_value_of_who_added_it", "CTX-03", [] {
        weft::promise<void> promise;
        auto future = promise.get_future();
        variable().set("at the adding");
        future.add_done_callback([] { say(variable().get()); });
        variable().set("later");
        future.add_done_callback([] { say(variable().get()); });
        weft::await(weft::create_task([&promise] {
            variable().set("the setter's");
            promise.set_value();
        }));
        weft::yield();
    });

const twin one_that_nobody_will_set("futures.one_that_nobody_will_set", "FUT-10", [] {
    weft::task<void> t;
    {
        weft::promise<void> promise;
        t = weft::create_task([future = promise.get_future()] { weft::await(future); });
        sleep(1);
    }
    attempt("it", [&] { weft::await(t); });
});

} // namespace
} // namespace twins
