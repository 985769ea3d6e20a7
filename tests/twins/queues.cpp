// SPDX-License-Identifier: Apache-2.0
// Twins of queues.py.
#include <vector>

#include "twin.hpp"

namespace twins {
namespace {

/// The next three of any queue.
template <class Queue>
void say_three(Queue& q) {
    const int first = q.get(), second = q.get(), third = q.get();
    say(first, second, third);
}

const twin first_in_first_out("queues.first_in_first_out", "QUE-01", [] {
    weft::queue<int> q;
    for (int n = 0; n < 3; ++n) q.put_nowait(n);
    say(q.size(), q.empty(), q.full());
    say_three(q);
    say(q.size(), q.empty());
});

const twin last_in_first_out("queues.last_in_first_out", "QUE-09", [] {
    weft::lifo_queue<int> q;
    for (int n = 0; n < 3; ++n) q.put(n);
    say_three(q);
});

const twin smallest_first("queues.smallest_first", "QUE-09", [] {
    weft::priority_queue<int> q;
    for (int n : {5, 1, 4, 2, 3}) q.put(n);
    std::string all;
    for (int i = 0; i < 5; ++i) all += (i == 0 ? "" : " ") + std::to_string(q.get());
    say(all);
});

const twin a_full_queue_makes_the_producer_wait("queues.a_full_queue_makes_the_producer_wait",
                                                "QUE-02", [] {
                                                    weft::queue<int> q(2);
                                                    auto p = weft::create_task([&] {
                                                        for (int n = 0; n < 4; ++n) {
                                                            q.put(n);
                                                            say("put", n);
                                                        }
                                                    });
                                                    auto c = weft::create_task([&] {
                                                        for (int i = 0; i < 4; ++i) {
                                                            sleep(1);
                                                            const int n = q.get();
                                                            say("got", n, "at", seconds());
                                                        }
                                                    });
                                                    weft::await(p);
                                                    weft::await(c);
                                                });

const twin a_newcomer_does_not_overtake("queues.a_newcomer_does_not_overtake", "QUE-06", [] {
    weft::queue<int> q(1);
    q.put_nowait(0);
    auto waits = weft::create_task([&] {
        q.put(1);
        say("put", 1);
    });
    weft::yield();
    say("got", q.get_nowait());
    attempt("newcomer", [&] { q.put_nowait(2); });
    weft::yield();
    say("got", q.get_nowait());
    weft::await(waits);
});

const twin an_empty_queue_makes_the_consumer_wait("queues.an_empty_queue_makes_the_consumer_wait",
                                                  "QUE-02", [] {
                                                      weft::queue<int> q;
                                                      auto consume = [&](const char* name) {
                                                          for (int n = q.get(); n >= 0; n = q.get())
                                                              say(name, "got", n, "at", seconds());
                                                      };
                                                      auto a = weft::create_task(consume, "a");
                                                      auto b = weft::create_task(consume, "b");
                                                      for (int n = 0; n < 4; ++n) {
                                                          sleep(1);
                                                          q.put(n);
                                                      }
                                                      q.put(-1);
                                                      q.put(-1);
                                                      weft::await(a);
                                                      weft::await(b);
                                                  });

const twin without_waiting("queues.without_waiting", "QUE-03", [] {
    weft::queue<int> q(1);
    attempt("get", [&] { return q.get_nowait(); });
    attempt("put", [&] { q.put_nowait(1); });
    attempt("put", [&] { q.put_nowait(2); });
    attempt("get", [&] { return q.get_nowait(); });
});

const twin a_cancelled_getter_takes_nothing(
    "queues.a_cancelled_getter_takes_nothing", "QUE-04", [] {
        weft::queue<int> q;
        auto get = [&] { return q.get(); };
        auto first = weft::create_task(get);
        auto second = weft::create_task(get);
        weft::yield();
        first.cancel();
        weft::yield();
        q.put_nowait(1);
        attempt("first", [&] { return weft::await(first); });
        attempt("second", [&] { return weft::await(second); });
        say(q.size());
    });

const twin a_cancelled_putter_puts_nothing("queues.a_cancelled_putter_puts_nothing", "QUE-06", [] {
    weft::queue<int> q(1);
    q.put_nowait(0);
    auto put = [&](int n) { q.put(n); };
    auto first = weft::create_task(put, 1);
    auto second = weft::create_task(put, 2);
    weft::yield();
    first.cancel();
    attempt("first", [&] { weft::await(first); });
    say(q.get());
    attempt("second", [&] { weft::await(second); });
    const int last = q.get();
    say(last, q.size());
});

const twin a_getter_that_is_cancelled_when_it_has_its_item(
    "queues.a_getter_that_is_cancelled_when_it_has_its_item", "QUE-05", [] {
        weft::queue<int> q;
        auto first = weft::create_task([&] {
            say("first gets", q.get());
            weft::yield();
        });
        weft::yield();
        q.put_nowait(1);
        q.put_nowait(2);
        first.cancel();
        attempt("first", [&] { weft::await(first); });
        say(q.get());
    });

const twin several_places_at_once("queues.several_places_at_once", "QUE-08", [] {
    weft::queue<int> q(2);
    q.put_nowait(0);
    q.put_nowait(0);
    auto put = [&](int n) {
        q.put(n);
        say("put", n);
    };
    auto first = weft::create_task(put, 1);
    auto second = weft::create_task(put, 2);
    weft::yield();
    q.get_nowait();
    q.get_nowait();
    weft::await(first);
    weft::await(second);
    say(q.size());
});

const twin joined_when_all_is_done("queues.joined_when_all_is_done", "QUE-10", [] {
    weft::queue<int> q;
    q.join();
    say("nothing to wait for");
    auto worker = [&](const char* name) {
        for (;;) {
            const int n = q.get();
            sleep(n);
            say(name, "did", n, "at", seconds());
            q.task_done();
        }
    };
    for (int n : {3, 1, 2, 1}) q.put_nowait(n);
    std::vector workers{weft::create_task(worker, "a"), weft::create_task(worker, "b")};
    q.join();
    say("joined at", seconds());
    for (auto& w : workers) w.cancel();
    for (auto& w : workers) attempt("worker", [&] { weft::await(w); });
});

const twin done_once_too_often("queues.done_once_too_often", "QUE-10", [] {
    weft::queue<int> q;
    q.put_nowait(1);
    q.get_nowait();
    q.task_done();
    attempt("task_done", [&] { q.task_done(); });
});

} // namespace
} // namespace twins
