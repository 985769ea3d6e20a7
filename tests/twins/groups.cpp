// SPDX-License-Identifier: Apache-2.0
// Twins of groups.py: task groups.
#include "twin.hpp"

namespace twins {
namespace {

using namespace std::chrono_literals;

int child(int n, int length) {
    try {
        say("child", n, "begins");
        sleep(length);
        say("child", n, "ends");
        return n;
    } catch (const weft::cancelled_error&) {
        say("child", n, "is cancelled");
        throw;
    }
}

void fails(int length, const char* text) {
    sleep(length);
    throw error(text);
}

void fails_in_cleanup() {
    try {
        sleep(9);
    } catch (const weft::cancelled_error&) { throw error("broken cleanup"); }
}

const twin waits_for_its_children("groups.waits_for_its_children", "TGR-01", [] {
    weft::task<int> a, b;
    weft::with_task_group([&](weft::task_group& g) {
        a = g.create_task(child, 1, 2);
        b = g.create_task(child, 2, 1);
        say("body ends");
    });
    say(a.result(), b.result(), seconds());
});

const twin of_none("groups.of_none", "TGR-01", [] {
    weft::with_task_group([](weft::task_group&) { say("body"); });
    say("after");
});

const twin children_that_create_more("groups.children_that_create_more", "TGR-01", [] {
    weft::with_task_group([](weft::task_group& g) {
        g.create_task([&g] {
            sleep(1);
            g.create_task(child, 2, 1);
            say("created one more");
        });
    });
    say(seconds());
});

const twin a_child_that_fails("groups.a_child_that_fails", "TGR-02", [] {
    attempt("group", [] {
        weft::with_task_group([](weft::task_group& g) {
            g.create_task(child, 1, 9);
            g.create_task(fails, 1, "broken");
        });
    });
    say(seconds());
    weft::yield();
    say("unharmed");
});

const twin what_is_left_of_a_failure("groups.what_is_left_of_a_failure", "TGR-09", [] {
    attempt("group", [] {
        weft::with_task_group([](weft::task_group& g) { g.create_task(fails, 1, "broken"); });
    });
    say("requests", weft::current_task().cancelling());
});

const twin a_child_that_fails_while_the_body_waits(
    "groups.a_child_that_fails_while_the_body_waits", "TGR-02", [] {
        attempt("group", [] {
            weft::with_task_group([](weft::task_group& g) {
                g.create_task(fails, 1, "broken");
                try {
                    sleep(9);
                } catch (const weft::cancelled_error&) {
                    say("body is cancelled at", seconds());
                    throw;
                }
            });
        });
        say(weft::current_task().cancelling());
    });

const twin several_that_fail("groups.several_that_fail", "TGR-02", [] {
    attempt("group", [] {
        weft::with_task_group([](weft::task_group& g) {
            g.create_task(fails_in_cleanup);
            g.create_task(fails, 1, "first");
            g.create_task(fails, 1, "second");
        });
    });
});

const twin the_body_that_fails("groups.the_body_that_fails", "TGR-06", [] {
    attempt("group", [] {
        weft::with_task_group([](weft::task_group& g) {
            g.create_task(child, 1, 9);
            weft::yield();
            g.create_task(child, 2, 9);
            throw error("body broken");
        });
    });
});

const twin body_and_child_that_fail("groups.body_and_child_that_fail", "TGR-07 TGR-11", [] {
    attempt("group", [] {
        weft::with_task_group([](weft::task_group& g) {
            g.create_task(fails, 1, "child broken");
            try {
                sleep(9);
            } catch (const weft::cancelled_error&) { throw error("body broken"); }
        });
    });
    say(weft::current_task().cancelling());
});

const twin a_child_that_is_cancelled_alone("groups.a_child_that_is_cancelled_alone", "TGR-03", [] {
    weft::task<int> t;
    weft::with_task_group([&t](weft::task_group& g) {
        t = g.create_task(child, 1, 9);
        g.create_task(child, 2, 2);
        sleep(1);
        t.cancel();
    });
    say(t.cancelled(), seconds());
});

const twin the_owner_that_is_cancelled("groups.the_owner_that_is_cancelled", "TGR-04", [] {
    auto t = weft::create_task(
        [] { weft::with_task_group([](weft::task_group& g) { g.create_task(child, 1, 9); }); });
    sleep(1);
    t.cancel("why");
    attempt("owner", [&] { weft::await(t); });
    say(seconds());
});

const twin the_owner_that_is_cancelled_in_the_body("groups.the_owner_that_is_cancelled_in_the_body",
                                                   "TGR-04", [] {
                                                       auto t = weft::create_task([] {
                                                           weft::with_task_group(
                                                               [](weft::task_group& g) {
                                                                   g.create_task(child, 1, 9);
                                                                   sleep(9);
                                                               });
                                                       });
                                                       sleep(1);
                                                       t.cancel();
                                                       attempt("owner", [&] { weft::await(t); });
                                                   });

const twin the_owner_that_is_cancelled_and_a_cleanup_that_fails(
    "groups.the_owner_that_is_cancelled_and_a_cleanup_that_fails", "TGR-05", [] {
        auto t = weft::create_task([] {
            weft::with_task_group([](weft::task_group& g) { g.create_task(fails_in_cleanup); });
        });
        sleep(1);
        t.cancel();
        attempt("owner", [&] { weft::await(t); });
    });

const twin nested("groups.nested", "TGR-08", [] {
    attempt("outer", [] {
        weft::with_task_group([](weft::task_group& outer) {
            outer.create_task([] {
                weft::with_task_group([](weft::task_group& inner) {
                    inner.create_task(fails, 1, "inner broken");
                    inner.create_task(child, 1, 9);
                });
            });
            outer.create_task(child, 2, 9);
        });
    });
});

const twin one_that_aborts_takes_no_more("groups.one_that_aborts_takes_no_more", "TGR-12", [] {
    attempt("group", [] {
        weft::with_task_group([](weft::task_group& g) {
            g.create_task([&g] {
                try {
                    sleep(9);
                } catch (const weft::cancelled_error&) {
                    try {
                        g.create_task(child, 7, 1);
                    } catch (const weft::group_closed&) { say("no more"); }
                    throw;
                }
            });
            g.create_task(fails, 1, "broken");
        });
    });
});

const twin inside_a_timeout("groups.inside_a_timeout", "TMO-21 TGR-04", [] {
    attempt("it", [] {
        weft::timeout(1s, [](weft::timeout_scope&) {
            weft::with_task_group([](weft::task_group& g) { g.create_task(child, 1, 9); });
        });
    });
    say(seconds(), weft::current_task().cancelling());
});

const twin a_timeout_inside("groups.a_timeout_inside", "TGR-06", [] {
    attempt("it", [] {
        weft::with_task_group([](weft::task_group& g) {
            g.create_task(child, 1, 9);
            attempt("limited", [] { weft::timeout(1s, [](weft::timeout_scope&) { sleep(9); }); });
            throw error("enough");
        });
    });
});

const twin a_failure_and_a_cancel_at_once("groups.a_failure_and_a_cancel_at_once", "TGR-10", [] {
    weft::event go;
    auto t = weft::create_task([&go] {
        attempt("group", [&] {
            weft::with_task_group([&](weft::task_group& g) {
                g.create_task([&go] {
                    go.wait();
                    throw error("broken");
                });
            });
        });
        sleep(1);
        say("never");
    });
    sleep(1);
    go.set();
    t.cancel();
    attempt("owner", [&] { weft::await(t); });
});

const twin inner_and_outer_fail_at_once("groups.inner_and_outer_fail_at_once", "TGR-09", [] {
    weft::event go;
    auto fails_then = [&go](const char* text) {
        go.wait();
        throw error(text);
    };
    auto s = weft::create_task([&go] {
        sleep(1);
        go.set();
    });
    attempt("outer", [&] {
        weft::with_task_group([&](weft::task_group& outer) {
            outer.create_task(fails_then, "outer broken");
            attempt("inner", [&] {
                weft::with_task_group([&](weft::task_group& inner) {
                    inner.create_task(fails_then, "inner broken");
                });
            });
            sleep(1);
            say("never");
        });
    });
    say(weft::current_task().cancelling());
    weft::await(s);
});

} // namespace
} // namespace twins
