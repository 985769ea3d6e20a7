// SPDX-License-Identifier: Apache-2.0
// Twins of cancel.py: where a cancel arrives, and what becomes of it.
#include <mutex>
#include <vector>

#include "twin.hpp"

namespace twins {
namespace {

const twin before_it_begins("cancel.before_it_begins", "CAN-02", [] {
    auto t = weft::create_task([] { say("never"); });
    say(t.cancel("early"));
    say(t.done());
    attempt("it", [&] { weft::await(t); });
    const bool cancelled = t.cancelled();
    say(cancelled, t.cancel());
});

const twin in_a_sleep("cancel.in_a_sleep", "CAN-01 CAN-04", [] {
    auto t = weft::create_task([] {
        on_exit leaving([] { say("leaves at", seconds()); });
        say("sleeps");
        sleep(100);
        say("never");
    });
    sleep(1);
    say(t.cancel());
    say(t.done(), t.cancelled());
    attempt("it", [&] { weft::await(t); });
    say(t.done(), t.cancelled());
});

const twin seen_and_passed_on("cancel.seen_and_passed_on", "CAN-03 CAN-12", [] {
    auto t = weft::create_task([] {
        try {
            sleep(100);
        } catch (const weft::cancelled_error& e) {
            say("sees", e.what());
            throw;
        }
    });
    weft::yield();
    t.cancel("why");
    attempt("it", [&] { weft::await(t); });
});

const twin swallowed("cancel.swallowed", "CAN-05 CAN-06", [] {
    auto t = weft::create_task([] {
        try {
            sleep(100);
        } catch (const weft::cancelled_error&) { say("swallows"); }
        sleep(1);
        return 42;
    });
    weft::yield();
    t.cancel();
    attempt("it", [&] { return weft::await(t); });
    say(t.cancelled(), t.cancelling(), seconds());
});

const twin of_oneself("cancel.of_oneself", "CAN-07", [] {
    auto t = weft::create_task([] {
        weft::current_task().cancel("mine");
        say("goes on");
        weft::yield();
        say("never");
    });
    attempt("it", [&] { weft::await(t); });
});

const twin of_oneself_at_the_end("cancel.of_oneself_at_the_end", "CAN-08", [] {
    auto t = weft::create_task([] {
        weft::current_task().cancel();
        return "value";
    });
    attempt("it", [&] { return weft::await(t); });
    say(t.cancelled());
});

const twin of_one_that_is_ready("cancel.of_one_that_is_ready", "CAN-01", [] {
    auto t = weft::create_task([] {
        for (int n = 0; n < 3; ++n) {
            say(n);
            weft::yield();
        }
    });
    weft::yield();
    say(t.cancel());
    attempt("it", [&] { weft::await(t); });
});

const twin of_one_that_was_woken_but_not_yet_run("cancel.of_one_that_was_woken_but_not_yet_run",
                                                 "CAN-11", [] {
                                                     weft::task<void> t;
                                                     auto o = weft::create_task([&t] {
                                                         sleep(1);
                                                         say(t.cancel());
                                                     });
                                                     weft::yield();
                                                     t = weft::create_task([] {
                                                         sleep(1);
                                                         say("wakes");
                                                         weft::yield();
                                                         say("never");
                                                     });
                                                     attempt("it", [&] { weft::await(t); });
                                                     weft::await(o);
                                                 });

const twin after_what_it_waits_for_has_completed("cancel.after_what_it_waits_for_has_completed",
                                                 "CAN-11", [] {
                                                     weft::promise<int> promise;
                                                     auto future = promise.get_future();
                                                     auto t = weft::create_task([future] {
                                                         say("gets", weft::await(future));
                                                         weft::yield();
                                                         say("never");
                                                     });
                                                     weft::yield();
                                                     promise.set_value(4);
                                                     say(t.cancel());
                                                     attempt("it", [&] { weft::await(t); });
                                                     say(weft::await(future));
                                                 });

const twin inner_first("cancel.inner_first", "CAN-09", [] {
    auto inner = [] {
        on_exit cleanup([] {
            say("inner cleans up");
            sleep(1);
            say("inner has ended");
        });
        sleep(100);
    };
    auto t = weft::create_task([inner] {
        on_exit cleanup([] { say("outer cleans up at", seconds()); });
        weft::await(weft::create_task(inner));
    });
    sleep(1);
    t.cancel();
    say("cancelled");
    attempt("it", [&] { weft::await(t); });
});

void link(int n) {
    on_exit leaving([n] { say("leaves", n); });
    if (n == 0)
        sleep(100);
    else
        weft::await(weft::create_task(link, n - 1));
}

const twin innermost_first("cancel.innermost_first", "CAN-09", [] {
    auto t = weft::create_task(link, 3);
    sleep(1);
    t.cancel("all");
    attempt("it", [&] { weft::await(t); });
});

const twin swallowed_by_the_inner("cancel.swallowed_by_the_inner", "CAN-09", [] {
    auto inner = [] {
        try {
            sleep(100);
        } catch (const weft::cancelled_error&) { say("inner swallows"); }
        return 5;
    };
    auto t = weft::create_task([inner] {
        say("outer gets", weft::await(weft::create_task(inner)));
        weft::yield();
        return "value";
    });
    sleep(1);
    t.cancel();
    attempt("it", [&] { return weft::await(t); });
});

const twin one_of_two_who_wait("cancel.one_of_two_who_wait", "CAN-24", [] {
    auto s = weft::create_task([] {
        sleep(2);
        return "value";
    });
    auto waits = [s] { return weft::await(s); };
    auto one = weft::create_task(waits);
    auto two = weft::create_task(waits);
    sleep(1);
    one.cancel();
    attempt("one", [&] { return weft::await(one); });
    attempt("two", [&] { return weft::await(two); });
});

const twin of_the_future_it_waits_for("cancel.of_the_future_it_waits_for", "CAN-10", [] {
    weft::promise<void> promise;
    auto future = promise.get_future();
    auto t = weft::create_task([future] { weft::await(future); });
    weft::yield();
    future.cancel("gone");
    attempt("it", [&] { weft::await(t); });
    say(t.cancelled(), t.cancelling());
});

const twin twice_before_it_arrives("cancel.twice_before_it_arrives", "CAN-06", [] {
    auto t = weft::create_task([] {
        try {
            sleep(100);
        } catch (const weft::cancelled_error& e) {
            say("sees", e.what(), weft::current_task().cancelling());
        }
        sleep(1);
        return "one delivery";
    });
    weft::yield();
    const bool first = t.cancel("first");
    say(first, t.cancel("second"));
    attempt("it", [&] { return weft::await(t); });
});

const twin again_during_the_cleanup("cancel.again_during_the_cleanup", "CAN-16", [] {
    auto t = weft::create_task([] {
        try {
            sleep(100);
        } catch (const weft::cancelled_error& e) {
            say("sees", e.what());
            try {
                sleep(100);
            } catch (const weft::cancelled_error& again) { say("sees", again.what()); }
            sleep(1);
            say("cleaned up");
            throw;
        }
    });
    sleep(1);
    t.cancel("first");
    sleep(1);
    t.cancel("second");
    attempt("it", [&] { weft::await(t); });
    say(seconds());
});

const twin counted("cancel.counted", "CAN-13", [] {
    auto t = weft::create_task([] {
        const auto me = weft::current_task();
        try {
            sleep(100);
        } catch (const weft::cancelled_error&) {
            say("requests", me.cancelling());
            say("left", me.uncancel());
            say("left", me.uncancel());
            say("left", me.uncancel());
        }
        sleep(1);
        return "unharmed";
    });
    weft::yield();
    t.cancel();
    t.cancel();
    attempt("it", [&] { return weft::await(t); });
    say(t.cancelling());
});

const twin withdrawn("cancel.withdrawn", "CAN-14", [] {
    attempt("it", [] {
        return weft::await(weft::create_task([] {
            const auto me = weft::current_task();
            me.cancel();
            say("withdraws", me.uncancel());
            weft::yield();
            return "unharmed";
        }));
    });
});

const twin cleanup_that_waits("cancel.cleanup_that_waits", "CAN-16", [] {
    weft::mutex mutex;
    auto o = weft::create_task([&] {
        {
            const std::lock_guard lock(mutex);
            sleep(3);
        }
        say("other is done");
    });
    auto t = weft::create_task([&] {
        on_exit cleanup([&] {
            say("cleanup begins");
            {
                const std::lock_guard lock(mutex);
                sleep(1);
            }
            say("cleanup ends at", seconds());
        });
        sleep(100);
    });
    sleep(1);
    t.cancel();
    attempt("it", [&] { weft::await(t); });
    weft::await(o);
});

const twin cleanup_that_fails("cancel.cleanup_that_fails", "CAN-19", [] {
    auto t = weft::create_task([] {
        try {
            sleep(100);
        } catch (const weft::cancelled_error&) { throw error("broken cleanup"); }
    });
    weft::yield();
    t.cancel();
    attempt("it", [&] { weft::await(t); });
    say(t.cancelled());
});

const twin a_handler_of_ordinary_errors_does_not_see_it(
    "cancel.a_handler_of_ordinary_errors_does_not_see_it", "CAN-17", [] {
        auto t = weft::create_task([] {
            try {
                sleep(100);
            } catch (const std::exception&) { say("never"); }
            say("never");
        });
        weft::yield();
        t.cancel();
        attempt("it", [&] { weft::await(t); });
    });

const twin what_need_not_wait_is_no_cancel_point("cancel.what_need_not_wait_is_no_cancel_point",
                                                 "CAN-22", [] {
                                                     weft::mutex mutex;
                                                     weft::queue<int> queue;
                                                     queue.put_nowait(1);
                                                     auto t = weft::create_task([&] {
                                                         weft::current_task().cancel();
                                                         {
                                                             const std::lock_guard lock(mutex);
                                                             say("has the lock");
                                                         }
                                                         say("has", queue.get());
                                                         weft::yield();
                                                         say("never");
                                                     });
                                                     attempt("it", [&] { weft::await(t); });
                                                 });

const twin by_its_child("cancel.by_its_child", "CAN-09", [] {
    auto t = weft::create_task([] {
        auto c = weft::create_task(
            [parent = weft::current_task()] { say("child cancels", parent.cancel()); });
        try {
            weft::await(c);
            say("child has ended");
            weft::yield();
        } catch (const weft::cancelled_error&) {
            say("parent sees it");
            throw;
        }
    });
    attempt("it", [&] { weft::await(t); });
});

const twin storm("cancel.storm", "CAN-01", [] {
    std::vector<weft::task<void>> tasks;
    for (int n = 0; n < 5; ++n)
        tasks.push_back(weft::create_task([n] {
            on_exit leaving([n] { say("leaves", n); });
            sleep(100 - n);
        }));
    sleep(1);
    for (std::size_t i = tasks.size(); i-- > 0;) tasks[i].cancel();
    for (auto& t : tasks) attempt("it", [&] { weft::await(t); });
    say(seconds());
});

} // namespace
} // namespace twins
