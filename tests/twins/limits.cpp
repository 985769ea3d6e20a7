// SPDX-License-Identifier: Apache-2.0
// Twins of limits.py: wait_for and timeout.
#include "twin.hpp"

namespace twins {
namespace {

using namespace std::chrono_literals;

std::string sleeper(int n, const char* value) {
    on_exit leaving([=] { say(value, "leaves at", seconds()); });
    sleep(n);
    return value;
}

const twin wait_for_in_time("limits.wait_for_in_time", "TMO-01", [] {
    attempt("call", [] { return weft::wait_for(2s, [] { return sleeper(1, "value"); }); });
    attempt("task", [] { return weft::wait_for(2s, weft::create_task(sleeper, 1, "value")); });
});

const twin wait_for_a_call_that_takes_too_long(
    "limits.wait_for_a_call_that_takes_too_long", "TMO-02 TMO-18", [] {
        auto body = [] {
            try {
                sleep(9);
            } catch (const weft::cancelled_error&) {
                say("is cancelled at", seconds());
                sleep(1);
                say("has cleaned up");
                throw;
            }
        };
        attempt("call", [&] { weft::wait_for(2s, body); });
        say(seconds(), weft::current_task().cancelling());
        weft::yield();
        say("unharmed");
    });

const twin wait_for_a_task_that_takes_too_long("limits.wait_for_a_task_that_takes_too_long",
                                               "TMO-02", [] {
                                                   auto t = weft::create_task([] {
                                                       on_exit cleanup([] {
                                                           sleep(1);
                                                           say("has cleaned up");
                                                       });
                                                       sleep(9);
                                                   });
                                                   attempt("task", [&] { weft::wait_for(2s, t); });
                                                   say(t.cancelled(), seconds());
                                               });

const twin wait_for_one_that_swallows_it("limits.wait_for_one_that_swallows_it", "TMO-05", [] {
    auto t = weft::create_task([] {
        try {
            sleep(9);
        } catch (const weft::cancelled_error&) { say("swallows"); }
        return "value";
    });
    attempt("task", [&] { return weft::wait_for(1s, t); });
});

const twin wait_for_one_that_fails_then("limits.wait_for_one_that_fails_then", "TMO-04", [] {
    auto body = [] {
        try {
            sleep(9);
        } catch (const weft::cancelled_error&) { throw error("broken cleanup"); }
    };
    attempt("call", [&] { weft::wait_for(1s, body); });
    attempt("task", [&] { weft::wait_for(1s, weft::create_task(body)); });
});

const twin wait_for_no_time_at_all("limits.wait_for_no_time_at_all", "TMO-03 TMO-22", [] {
    attempt("call", [] { weft::wait_for(0s, [] { say("never"); }); });
    auto done = weft::create_task([] { return "value"; });
    weft::await(done);
    attempt("done task", [&] { return weft::wait_for(0s, done); });
    auto running = weft::create_task(sleeper, 9, "running");
    weft::yield();
    attempt("running task", [&] { return weft::wait_for(0s, running); });
    say(running.cancelled());
});

const twin wait_for_that_is_cancelled("limits.wait_for_that_is_cancelled", "TMO-06", [] {
    auto inner = weft::create_task(sleeper, 9, "inner");
    auto t = weft::create_task([inner] {
        on_exit leaving([] { say("outer leaves at", seconds()); });
        weft::wait_for(5s, inner);
    });
    sleep(1);
    t.cancel("why");
    attempt("outer", [&] { weft::await(t); });
    say(inner.cancelled());
});

const twin wait_for_a_shielded_task("limits.wait_for_a_shielded_task", "SHD-05", [] {
    auto inner = weft::create_task(sleeper, 2, "inner");
    attempt("shield", [&] { return weft::wait_for(1s, weft::shield(inner)); });
    attempt("inner", [&] { return weft::await(inner); });
});

const twin wait_for_one_that_fails_in_time("limits.wait_for_one_that_fails_in_time", "TMO-04", [] {
    auto body = [] {
        sleep(1);
        throw error("broken");
    };
    attempt("call", [&] { weft::wait_for(2s, body); });
    attempt("task", [&] { weft::wait_for(2s, weft::create_task(body)); });
});

const twin wait_for_one_that_has_just_completed("limits.wait_for_one_that_has_just_completed",
                                                "TMO-07", [] {
                                                    weft::promise<std::string> promise;
                                                    auto t = weft::create_task(
                                                        [future = promise.get_future()] {
                                                            say("has", weft::wait_for(5s, future));
                                                            weft::yield();
                                                            say("goes on");
                                                            return "end";
                                                        });
                                                    sleep(1);
                                                    promise.set_value("value");
                                                    say(t.cancel());
                                                    attempt("it", [&] { return weft::await(t); });
                                                });

const twin timeout_that_passes("limits.timeout_that_passes", "TMO-10 TMO-18", [] {
    attempt("block", [] {
        weft::timeout(2s, [](weft::timeout_scope& limit) {
            try {
                sleep(9);
            } catch (const weft::cancelled_error&) {
                say("inside: a cancel, expired:", limit.expired());
                throw;
            }
        });
    });
    say(seconds(), weft::current_task().cancelling());
});

const twin timeout_in_time("limits.timeout_in_time", "TMO-11", [] {
    const bool expired = weft::timeout(2s, [](weft::timeout_scope& limit) {
        sleep(1);
        say(limit.expired());
        return limit.expired();
    });
    say(expired);
    sleep(5);
    say("unharmed");
});

void sleep_limited(int limit, int length) {
    weft::timeout(std::chrono::seconds(limit), [=](weft::timeout_scope&) { sleep(length); });
}

const twin timeouts_nested_the_inner_first("limits.timeouts_nested_the_inner_first", "TMO-13", [] {
    attempt("outer", [] {
        weft::timeout(3s, [](weft::timeout_scope&) {
            attempt("inner", [] { sleep_limited(1, 9); });
            sleep(9);
        });
    });
    say(seconds());
});

void outer_of_two(int outer, int inner) {
    attempt("outer", [=] {
        weft::timeout(std::chrono::seconds(outer), [=](weft::timeout_scope&) {
            try {
                sleep_limited(inner, 9);
            } catch (const weft::cancelled_error&) {
                say("the inner one lets it through");
                throw;
            }
        });
    });
}

const twin timeouts_nested_the_outer_first("limits.timeouts_nested_the_outer_first", "TMO-12", [] {
    outer_of_two(1, 3);
    say(seconds(), weft::current_task().cancelling());
});

const twin timeouts_with_one_deadline("limits.timeouts_with_one_deadline", "TMO-12",
                                      [] { outer_of_two(1, 1); });

const twin timeout_of_nothing("limits.timeout_of_nothing", "TMO-14", [] {
    attempt("block", [] {
        weft::timeout(0s, [](weft::timeout_scope&) {
            say("begins");
            weft::yield();
            say("never");
        });
    });
});

const twin timeout_and_another_error("limits.timeout_and_another_error", "TMO-15", [] {
    attempt("block", [] {
        weft::timeout(1s, [](weft::timeout_scope&) {
            try {
                sleep(9);
            } catch (const weft::cancelled_error&) { throw error("broken cleanup"); }
        });
    });
});

const twin timeout_that_is_swallowed_inside("limits.timeout_that_is_swallowed_inside", "TMO-10",
                                            [] {
                                                const bool expired = weft::timeout(
                                                    1s, [](weft::timeout_scope& limit) {
                                                        try {
                                                            sleep(9);
                                                        } catch (const weft::cancelled_error&) {
                                                            say("swallows");
                                                        }
                                                        sleep(1);
                                                        return limit.expired();
                                                    });
                                                say("goes on", expired, seconds());
                                            });

const twin timeout_and_a_cancel_from_elsewhere("limits.timeout_and_a_cancel_from_elsewhere",
                                               "TMO-16", [] {
                                                   auto t = weft::create_task(
                                                       [] { sleep_limited(5, 9); });
                                                   sleep(1);
                                                   t.cancel("elsewhere");
                                                   attempt("it", [&] { weft::await(t); });
                                               });

const twin timeout_that_is_moved("limits.timeout_that_is_moved", "TMO-19", [] {
    attempt("block", [] {
        weft::timeout(1s, [](weft::timeout_scope& limit) {
            limit.reschedule(weft::clock::now() + 3s);
            sleep(2);
            say("still inside at", seconds());
            sleep(9);
        });
    });
    say(seconds());
});

const twin timeout_that_is_removed("limits.timeout_that_is_removed", "TMO-19", [] {
    weft::timeout(1s, [](weft::timeout_scope& limit) {
        limit.reschedule({});
        sleep(5);
        say(!limit.when(), limit.expired());
    });
});

const twin timeout_in_the_cleanup_of_a_timeout("limits.timeout_in_the_cleanup_of_a_timeout",
                                               "TMO-20", [] {
                                                   attempt("block", [] {
                                                       weft::timeout(1s, [](weft::timeout_scope&) {
                                                           try {
                                                               sleep(9);
                                                           } catch (const weft::cancelled_error&) {
                                                               attempt("cleanup",
                                                                       [] { sleep_limited(1, 9); });
                                                               throw;
                                                           }
                                                       });
                                                   });
                                                   say(seconds());
                                               });

} // namespace
} // namespace twins
