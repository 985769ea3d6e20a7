// SPDX-License-Identifier: Apache-2.0
// Twins of combine.py: shield, gather, wait, as_completed.
#include <initializer_list>
#include <vector>

#include "twin.hpp"

namespace twins {
namespace {

template <class T>
weft::task<T> sleeper(int n, T value) {
    return weft::create_task([n, value] {
        try {
            sleep(n);
            say(value, "after", n);
            return value;
        } catch (const weft::cancelled_error&) {
            say(value, "is cancelled");
            throw;
        }
    });
}
weft::task<std::string> sleeper(int n, const char* value) { return sleeper(n, std::string(value)); }
std::vector<weft::task<int>> sleepers(std::initializer_list<int> lengths) {
    std::vector<weft::task<int>> tasks;
    for (int n : lengths) tasks.push_back(sleeper(n, n));
    return tasks;
}
std::vector<weft::task<int>> numbered(int count, int length) {
    std::vector<weft::task<int>> tasks;
    for (int n = 0; n < count; ++n) tasks.push_back(sleeper(length, n));
    return tasks;
}

template <class T = int>
weft::task<T> failing(int n, std::string text) {
    return weft::create_task([n, text]() -> T {
        sleep(n);
        throw error(text);
    });
}

template <class Result>
std::string count(const Result& r) {
    return std::to_string(r.done.size()) + " done, " + std::to_string(r.pending.size()) +
           " pending";
}

const twin shield_keeps_the_cancel_out("combine.shield_keeps_the_cancel_out", "SHD-02", [] {
    auto inner = sleeper(2, "inner");
    auto t = weft::create_task([inner] { weft::await(weft::shield(inner)); });
    sleep(1);
    t.cancel();
    attempt("outer", [&] { weft::await(t); });
    say(inner.done(), seconds());
    attempt("inner", [&] { return weft::await(inner); });
});

const twin shield_shows_the_outcome("combine.shield_shows_the_outcome", "SHD-01 SHD-03", [] {
    auto value = sleeper(1, "value");
    attempt("value", [&] { return weft::await(weft::shield(value)); });
    attempt("value again", [&] { return weft::await(weft::shield(value)); });
    auto broken = failing(1, "broken");
    attempt("broken", [&] { return weft::await(weft::shield(broken)); });
});

const twin shield_of_one_that_is_cancelled("combine.shield_of_one_that_is_cancelled",
                                           "SHD-01 CAN-12", [] {
                                               auto inner = sleeper(9, "inner");
                                               auto c = weft::create_task([inner] {
                                                   sleep(1);
                                                   inner.cancel("away");
                                               });
                                               attempt("it", [&] {
                                                   return weft::await(weft::shield(inner));
                                               });
                                               weft::await(c);
                                           });

const twin shield_is_not_in_the_way_of_others(
    "combine.shield_is_not_in_the_way_of_others", "SHD-02", [] {
        auto inner = sleeper(2, "inner");
        auto s = weft::create_task([inner] { return weft::await(weft::shield(inner)); });
        auto p = weft::create_task([inner] { return weft::await(inner); });
        sleep(1);
        s.cancel();
        attempt("shielded", [&] { return weft::await(s); });
        attempt("plain", [&] { return weft::await(p); });
    });

const twin gather_in_the_order_of_the_arguments("combine.gather_in_the_order_of_the_arguments",
                                                "GTH-01", [] {
                                                    auto a = sleeper(3, "a");
                                                    auto b = sleeper(1, "b");
                                                    auto c = sleeper(2, "c");
                                                    auto [x, y, z] = weft::gather(a, b, c);
                                                    say(x + ", " + y + ", " + z, seconds());
                                                });

const twin gather_of_none_and_of_one_twice(
    "combine.gather_of_none_and_of_one_twice", "GTH-05 GTH-06", [] {
        say(weft::gather(std::vector<weft::task<int>>()).size());
        auto t = sleeper(1, "t");
        auto [x, y] = weft::gather(t, t);
        say(x + ", " + y);
    });

const twin gather_of_one_that_fails("combine.gather_of_one_that_fails", "GTH-03", [] {
    auto slow = sleeper(2, "slow");
    auto broken = failing(1, "broken");
    attempt("gather", [&] { weft::gather(slow, broken); });
    say(slow.done(), seconds());
});

const twin gather_fails_at_once_with_the_first_error(
    "combine.gather_fails_at_once_with_the_first_error", "GTH-02", [] {
        std::vector<weft::task<int>> tasks;
        for (int n : {3, 1, 2}) tasks.push_back(failing(n, "error " + std::to_string(n)));
        attempt("gather", [&] { weft::gather(tasks); });
        say(seconds());
    });

const twin gather_that_is_cancelled("combine.gather_that_is_cancelled", "GTH-07", [] {
    auto tasks = numbered(3, 9);
    auto t = weft::create_task([tasks] { weft::gather(tasks); });
    sleep(1);
    say(t.cancel());
    attempt("gather", [&] { weft::await(t); });
    say(tasks[0].cancelled(), tasks[1].cancelled(), tasks[2].cancelled());
});

const twin gather_of_one_that_somebody_cancels("combine.gather_of_one_that_somebody_cancels",
                                               "GTH-08", [] {
                                                   auto a = sleeper(1, "a");
                                                   auto t =
                                                       weft::create_task([a] { weft::gather(a); });
                                                   weft::yield();
                                                   a.cancel();
                                                   attempt("gather", [&] { weft::await(t); });
                                                   say(t.cancelling());
                                               });

const twin settled("combine.settled", "GTH-04", [] {
    std::vector<weft::task<std::string>> tasks{sleeper(2, "two"), failing<std::string>(1, "broken"),
                                               sleeper(9, "nine")};
    weft::yield();
    tasks[2].cancel();
    auto outcomes = weft::gather_settled(tasks);
    say(outcomes[0].value());
    say(name_of(outcomes[1].exception()));
    say(outcomes[2].cancelled(), seconds());
});

const twin settled_and_cancelled("combine.settled_and_cancelled", "GTH-10", [] {
    auto tasks = numbered(2, 9);
    auto t = weft::create_task([tasks] {
        weft::gather_settled(tasks);
        weft::yield();
        say("never");
    });
    sleep(1);
    t.cancel();
    attempt("it", [&] { weft::await(t); });
});

const twin wait_for_all("combine.wait_for_all", "WAI-01", [] {
    auto tasks = sleepers({2, 1});
    auto first = count(weft::wait(tasks));
    say(first, seconds());
    auto again = count(weft::wait(tasks));
    say(again, seconds());
});

const twin wait_for_the_first("combine.wait_for_the_first", "WAI-02", [] {
    auto result = weft::wait(sleepers({3, 1, 2}), {.return_when = weft::first_completed});
    say(count(result), seconds());
    for (auto& t : result.done) say(t.result());
    auto rest = count(weft::wait(result.pending));
    say(rest, seconds());
});

const twin wait_for_the_first_exception("combine.wait_for_the_first_exception", "WAI-04 WAI-06",
                                        [] {
                                            auto tasks = sleepers({1, 3});
                                            tasks.push_back(failing(2, "broken"));
                                            for (int i = 0; i < 2; ++i) {
                                                auto some = count(weft::wait(
                                                    tasks, {.return_when = weft::first_exception}));
                                                say(some, seconds());
                                            }
                                            auto all = count(weft::wait(tasks));
                                            say(all, seconds());
                                        });

const twin a_cancelled_one_is_no_exception_for_wait(
    "combine.a_cancelled_one_is_no_exception_for_wait", "WAI-05", [] {
        auto tasks = sleepers({2, 9});
        sleep(1);
        tasks[1].cancel();
        auto all = count(weft::wait(tasks, {.return_when = weft::first_exception}));
        say(all, seconds());
    });

const twin wait_with_a_limit("combine.wait_with_a_limit", "WAI-07", [] {
    auto tasks = sleepers({1, 3});
    auto some = count(weft::wait(tasks, {.timeout = std::chrono::seconds(2)}));
    say(some, seconds());
    say(tasks[1].done());
    auto all = count(weft::wait(tasks));
    say(all, seconds());
});

const twin wait_that_is_cancelled("combine.wait_that_is_cancelled", "WAI-08", [] {
    auto tasks = numbered(2, 2);
    auto t = weft::create_task([tasks] { weft::wait(tasks); });
    sleep(1);
    t.cancel();
    attempt("wait", [&] { weft::await(t); });
    auto all = count(weft::wait(tasks));
    say(all, seconds());
});

const twin wait_for_one_given_twice("combine.wait_for_one_given_twice", "WAI-10", [] {
    auto t = sleeper(1, "t");
    say(count(weft::wait(std::vector{t, t})));
});

const twin wait_for_none("combine.wait_for_none", "WAI-09", [] {
    const std::vector<weft::task<int>> none;
    attempt("wait for all", [&] { return count(weft::wait(none)); });
    attempt("wait for the first",
            [&] { weft::wait(none, {.return_when = weft::first_completed}); });
});

const twin as_they_complete("combine.as_they_complete", "ASC-01", [] {
    for (auto& t : weft::as_completed(sleepers({3, 1, 2})))
        say("takes", t.result(), "at", seconds());
});

const twin as_they_complete_some_before("combine.as_they_complete_some_before", "ASC-01", [] {
    auto tasks = sleepers({1, 2, 3});
    sleep(2);
    weft::yield();
    for (auto& t : weft::as_completed(std::vector{tasks[1], tasks[2]}))
        say("takes", t.result(), "at", seconds());
    say(weft::await(tasks[0]));
});

const twin as_they_fail("combine.as_they_fail", "ASC-01", [] {
    std::vector<weft::task<std::string>> tasks{failing<std::string>(2, "broken"),
                                               sleeper(1, "good")};
    for (auto& t : weft::as_completed(tasks)) attempt("next", [&] { return t.result(); });
});

const twin as_they_complete_within_a_limit("combine.as_they_complete_within_a_limit", "ASC-02", [] {
    auto tasks = sleepers({1, 3});
    attempt("all", [&] {
        for (auto& t : weft::as_completed(tasks, {.timeout = std::chrono::seconds(2)}))
            say("takes", t.result());
    });
    say(tasks[1].done(), seconds());
    weft::await(tasks[1]);
});

} // namespace
} // namespace twins
