// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "greenlet_support.hpp"

#include "support/child.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;
using weft::greenlet;
using weft::this_greenlet::parent;

TEST_CASE("GRN-01: a greenlet begins at its first switch, keeps its locals while it is suspended, "
          "and goes on behind its switch",
          "[greenlet]") {
    on_every_strand([] {
        steps order{0};
        greenlet<> g([&] {
            int local = 1;
            order.push_back(local++);
            parent().switch_to();
            order.push_back(local + 1);
        });
        CHECK(order == steps{0});
        g.switch_to();
        order.push_back(2);
        g.switch_to();
        order.push_back(4);
        CHECK(order == steps{0, 1, 2, 3, 4});
        CHECK(g.dead());
    });
}

TEST_CASE("GRN-02 GRN-03: two greenlets that switch to one another by hand; the second one's end "
          "goes to its parent, the first stays suspended and is unwound when it is dropped",
          "[greenlet]") {
    on_every_strand([] {
        steps order;
        bool unwound = false;
        {
            greenlet<> a, b;
            a = greenlet<>([&] {
                struct on_exit {
                    bool& flag;
                    ~on_exit() { flag = true; }
                } guard{unwound};
                order.push_back(1);
                b.switch_to();
                order.push_back(2);
                b.switch_to();
                order.push_back(99);
            });
            b = greenlet<>([&] {
                order.push_back(3);
                a.switch_to();
                order.push_back(4);
            });
            a.switch_to();
            CHECK(order == steps{1, 3, 2, 4});
            CHECK(b.dead());
            CHECK_FALSE(a.dead());
            CHECK_FALSE(unwound);
        }
        CHECK(unwound);
        CHECK(order == steps{1, 3, 2, 4});
    });
}

TEST_CASE("GRN-04 GRN-05: values go both ways; what the body returns is what the parent's switch "
          "gives",
          "[greenlet]") {
    on_every_strand([] {
        int second = 0;
        greenlet<int, std::string> g;
        g = greenlet<int, std::string>([&](int first) -> std::string {
            second = g.parent().switch_to("got " + std::to_string(first));
            return "end";
        });
        CHECK(g.switch_to(7) == "got 7");
        CHECK_FALSE(g.dead());
        CHECK(g.switch_to(8) == "end");
        CHECK(second == 8);
        CHECK(g.dead());
    });
}

TEST_CASE("values that can only be moved, and are too large for a register, arrive", "[greenlet]") {
    using box = std::unique_ptr<std::array<int, 100>>;
    greenlet<box, box> g;
    g = greenlet<box, box>([&](box b) {
        (*b)[0] = 5;
        box next = g.parent().switch_to(std::move(b));
        (*next)[1] = 6;
        return next;
    });
    box b = g.switch_to(std::make_unique<std::array<int, 100>>());
    CHECK((*b)[0] == 5);
    b = g.switch_to(std::move(b));
    CHECK((*b)[1] == 6);
}

TEST_CASE("GRN-06: an exception that leaves the body rises in the parent, and the greenlet is "
          "finished",
          "[greenlet]") {
    on_every_strand([] {
        greenlet<> g([] { throw std::runtime_error("from inside"); });
        CHECK(thrown_by([&] { g.switch_to(); }) == "from inside");
        CHECK(g.dead());
        struct not_std {};
        greenlet<> h([] { throw not_std(); });
        CHECK_THROWS_AS(h.switch_to(), not_std);
    });
}

TEST_CASE("GRN-07: an exception rises in the parent, not in whoever switched there last",
          "[greenlet]") {
    on_every_strand([] {
        std::string where;
        greenlet<> thrower([] { throw std::runtime_error("thrown"); });
        greenlet<> other([&] {
            try {
                thrower.switch_to();
            } catch (...) { where = "other"; }
        });
        CHECK(thrown_by([&] { other.switch_to(); }) == "thrown"); // both are children of this
        CHECK(where.empty());
        CHECK(thrower.dead());
        CHECK_FALSE(other.dead());
    });
}

TEST_CASE("GRN-08: an exception that is thrown in rises at the suspension and may be caught there",
          "[greenlet]") {
    on_every_strand([] {
        std::string seen;
        greenlet<void, int> g;
        g = greenlet<void, int>([&] {
            try {
                g.parent().switch_to(1);
            } catch (const std::runtime_error& e) { seen = e.what(); }
            g.parent().switch_to(2);
            return 3;
        });
        CHECK(g.switch_to() == 1);
        CHECK(g.throw_in(error_of("in")) == 2);
        CHECK(seen == "in");
        CHECK(g.switch_to() == 3);
    });
}

TEST_CASE("GRN-09: a killed greenlet unwinds at once, and its killer sees no exception",
          "[greenlet]") {
    on_every_strand([] {
        bool caught_as_std = false, saw_exit = false;
        greenlet<> g([&] {
            counted local;
            try {
                parent().switch_to();
            } catch (const std::exception&) {
                caught_as_std = true;
            } catch (const weft::greenlet_exit&) {
                saw_exit = true;
                throw;
            }
        });
        g.switch_to();
        const int alive = counted::alive;
        g.kill();
        CHECK(counted::alive == alive - 1);
        CHECK(saw_exit);
        CHECK_FALSE(caught_as_std);
        CHECK(g.dead());
        g.kill(); // nothing
        greenlet<> h([] { parent().switch_to(); });
        h.switch_to();
        CHECK_NOTHROW(h.throw_in(std::make_exception_ptr(weft::greenlet_exit{})));
        CHECK(h.dead());
    });
}

TEST_CASE("GRN-10: what is thrown into one that has not begun rises in its parent; the body never "
          "runs, its captures are destroyed once",
          "[greenlet]") {
    on_every_strand([] {
        bool ran = false;
        const int before = counted::alive;
        {
            greenlet<> g([&ran, c = counted()] { ran = true; });
            CHECK(counted::alive == before + 1);
            CHECK(thrown_by([&] { g.throw_in(error_of("early")); }) == "early");
            CHECK(counted::alive == before);
            CHECK(g.dead());
            greenlet<> killed([&ran, c = counted()] { ran = true; });
            killed.kill();
            CHECK(killed.dead());
        }
        CHECK_FALSE(ran);
        CHECK(counted::alive == before);
    });
}

TEST_CASE("GRN-11: dropping a suspended greenlet runs its destructors before the drop returns",
          "[greenlet]") {
    on_every_strand([] {
        const int before = counted::alive;
        {
            greenlet<> g([] {
                counted a;
                [] {
                    counted b;
                    parent().switch_to();
                }();
            });
            g.switch_to();
            CHECK(counted::alive == before + 2);
            g = greenlet<>(); // assignment drops as well
            CHECK(counted::alive == before);
        }
    });
}

TEST_CASE("GRN-12: what clean-up throws during a drop is reported, and does not reach who drops",
          "[greenlet]") {
    std::vector<std::string> reports;
    weft::run({.workers = 1,
               .exception_handler =
                   [&](const weft::exception_context& what) {
                       reports.push_back(weft::describe(what.exception));
                   }},
              [] {
                  {
                      greenlet<> g([] {
                          try {
                              parent().switch_to();
                          } catch (...) { throw std::runtime_error("broken clean-up"); }
                      });
                      g.switch_to();
                  }
                  CHECK(true); // came here
              });
    REQUIRE(reports.size() == 1);
    CHECK(reports[0].find("broken clean-up") != std::string::npos);
}

TEST_CASE("one that refuses to end is given up, with a report", "[greenlet]") {
    if (weft::detail::k_asan) return; // its frames are leaked, as they must be
    int reports = 0;
    weft::run({.workers = 1, .exception_handler = [&](const auto&) { ++reports; }}, [] {
        greenlet<> g([] {
            for (;;) {
                try {
                    parent().switch_to();
                } catch (const weft::greenlet_exit&) {}
            }
        });
        g.switch_to();
    });
    CHECK(reports == 1);
}

TEST_CASE("GRN-13: a greenlet that was made in another one has that as its parent", "[greenlet]") {
    on_every_strand([] {
        std::string order;
        greenlet<> outer([&] {
            greenlet<> inner([&] { order += "a"; });
            inner.switch_to();
            order += "b";
        });
        outer.switch_to();
        order += "c";
        CHECK(order == "abc");
    });
}

TEST_CASE("GRN-05: a greenlet whose parent has not begun begins it with its result; one whose "
          "parent has finished ends in the one before",
          "[greenlet]") {
    on_every_strand([] {
        greenlet<> child;
        greenlet<> middle([&] { child = greenlet<>([] {}); });
        middle.switch_to(); // has finished, child has not begun
        steps order;
        greenlet<> next([&] {
            child.switch_to();
            order.push_back(9); // never: the child's end goes to the root
        });
        next.switch_to();
        CHECK(order.empty());
        CHECK(child.dead());
    });
}

TEST_CASE("GRN-14: ten threads, each with greenlets of its own", "[greenlet]") {
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 10; ++i)
        threads.emplace_back([&] {
            int count = 0;
            greenlet<> g([&] {
                for (int n = 0; n < 100; ++n) {
                    ++count;
                    parent().switch_to();
                }
            });
            for (int n = 0; n < 100; ++n) g.switch_to();
            if (count == 100) ++good;
        });
    for (auto& t : threads) t.join();
    CHECK(good == 10);
}

TEST_CASE("GRN-15: another thread, or another task, gets wrong_thread, however often it tries",
          "[greenlet]") {
    greenlet<> g([] {
        for (;;) parent().switch_to();
    });
    g.switch_to();
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 1000; ++n) {
                try {
                    g.switch_to();
                } catch (const weft::wrong_thread&) { ++refused; }
            }
        });
    for (int n = 0; n < 1000; ++n) g.switch_to();
    for (auto& t : threads) t.join();
    CHECK(refused == 4000);
    g.switch_to();
    CHECK_FALSE(g.dead());

    over_workers([] {
        greenlet<> mine([] { parent().switch_to(); });
        mine.switch_to();
        CHECK_THROWS_AS(weft::await(weft::create_task([&] { mine.switch_to(); })),
                        weft::wrong_thread);
        CHECK_THROWS_AS(weft::await(weft::create_task([&] { mine.throw_in(error_of("x")); })),
                        weft::wrong_thread);
        mine.switch_to();
        CHECK(mine.dead());
    });
}

TEST_CASE("GRN-16: one that another thread drops is unwound on its own, at the next switch there",
          "[greenlet]") {
    std::thread::id unwound_on;
    struct where {
        std::thread::id& id;
        ~where() { id = std::this_thread::get_id(); }
    };
    auto g = std::make_unique<greenlet<>>([&] {
        where w{unwound_on};
        parent().switch_to();
    });
    g->switch_to();
    std::thread([&] { g.reset(); }).join();
    CHECK(unwound_on == std::thread::id());
    greenlet<> other([] {});
    other.switch_to();
    CHECK(unwound_on == std::this_thread::get_id());
}

TEST_CASE("GRN-17: what is suspended when its thread, or its task, ends is unwound there; later "
          "uses are errors",
          "[greenlet]") {
    greenlet<> g;
    std::thread::id thread, unwound_on;
    std::thread([&] {
        thread = std::this_thread::get_id();
        g = greenlet<>([&] {
            struct where {
                std::thread::id& id;
                ~where() { id = std::this_thread::get_id(); }
            } w{unwound_on};
            parent().switch_to();
        });
        g.switch_to();
    }).join();
    CHECK(unwound_on == thread);
    CHECK(g.dead());
    CHECK_THROWS_AS(g.switch_to(), weft::greenlet_finished);

    over_workers([] {
        greenlet<> h;
        bool unwound = false;
        weft::await(weft::create_task([&] {
            h = greenlet<>([&] {
                struct on_exit {
                    bool& flag;
                    ~on_exit() {
                        const weft::mask_cancel m;
                        weft::sleep_for(1ms); // clean-up may await
                        flag = true;
                    }
                } guard{unwound};
                parent().switch_to();
            });
            h.switch_to();
        }));
        CHECK(unwound); // before the task's result was there
        CHECK(h.dead());
    });
}

TEST_CASE("GRN-18: a switch to a finished greenlet, or an empty one, throws greenlet_finished",
          "[greenlet]") {
    on_every_strand([] {
        greenlet<> g([] {});
        g.switch_to();
        CHECK_THROWS_AS(g.switch_to(), weft::greenlet_finished);
        greenlet<> empty;
        CHECK_THROWS_AS(empty.switch_to(), weft::greenlet_finished);
        CHECK(empty.dead());
    });
}

TEST_CASE("GRN-20 GRN-21: each greenlet has its own current exception, whoever else throws "
          "meanwhile",
          "[greenlet]") {
    on_every_strand([] {
        std::vector<greenlet<void, std::string>> all(4);
        for (int i = 0; i < 4; ++i)
            all[static_cast<std::size_t>(i)] =
                greenlet<void, std::string>([&all, i]() -> std::string {
                    try {
                        throw std::runtime_error(std::to_string(i));
                    } catch (...) {
                        all[static_cast<std::size_t>(i)].parent().switch_to("waiting");
                        try {
                            throw;
                        } catch (const std::runtime_error& e) { return e.what(); }
                    }
                });
        for (auto& g : all) CHECK(g.switch_to() == "waiting");
        CHECK(std::current_exception() == nullptr);
        CHECK(std::uncaught_exceptions() == 0);
        try {
            throw 7;
        } catch (int) {
            if (weft::detail::current_fiber() != nullptr) weft::sleep_for(1ms); // maybe elsewhere
            for (int i = 3; i >= 0; --i)
                CHECK(all[static_cast<std::size_t>(i)].switch_to() == std::to_string(i));
            CHECK(std::current_exception() != nullptr);
        }
    });
}

TEST_CASE("GRN-22 GRN-23: a thousand rounds of create, switch, throw and drop leave no stack and "
          "no object",
          "[greenlet]") {
    on_every_strand([] {
        for (int i = 0; i < 1000; ++i) {
            greenlet<> never([c = counted()] { std::abort(); });
            greenlet<> throws([c = counted()] {
                counted local;
                parent().switch_to();
                throw std::runtime_error("x");
            });
            throws.switch_to();
            CHECK_THROWS_AS(throws.switch_to(), std::runtime_error);
            greenlet<> dropped([c = counted()] {
                counted local;
                parent().switch_to();
            });
            dropped.switch_to();
        }
    });
}

TEST_CASE("GRN-25: not started, started, finished, in that order; while it runs it is not dead",
          "[greenlet]") {
    on_every_strand([] {
        greenlet<> g;
        g = greenlet<>([&] {
            CHECK(g.started());
            CHECK_FALSE(g.dead());
            parent().switch_to();
        });
        CHECK_FALSE(g.started());
        CHECK_FALSE(g.dead());
        g.switch_to();
        CHECK(g.started());
        CHECK_FALSE(g.dead());
        g.switch_to();
        CHECK_FALSE(g.started());
        CHECK(g.dead());
    });
}

TEST_CASE("GRN-27: suspended greenlets do not disturb the end of the process", "[greenlet]") {
    if (weft::detail::k_tsan) return; // it does not like what a child of many threads does
    const child_end end = in_child([]() -> int {
        static greenlet<> global([] { parent().switch_to(); });
        global.switch_to();
        greenlet<> outer([] {
            greenlet<> inner([] { parent().switch_to(); });
            inner.switch_to();
            parent().switch_to();
        });
        outer.switch_to();
        std::exit(7);
    });
    CHECK(end.exited_with(7));
    CHECK(end.said.empty());
    if (weft::detail::k_asan) return; // its leak check does not look at the stack that was left
    const child_end inside = in_child([]() -> int {
        greenlet<> g([] { std::exit(8); });
        g.switch_to();
        return 0;
    });
    CHECK(inside.exited_with(8));
}

TEST_CASE("a value where another type is waited for is std::bad_any_cast there", "[greenlet]") {
    on_every_strand([] {
        // The parent's switch waits for a string and gets an int from a grandchild.
        greenlet<void, std::string> g([]() -> std::string {
            parent().switch_to(5);
            return "";
        });
        CHECK_THROWS_AS(g.switch_to(), std::bad_any_cast);
        CHECK(g.switch_to().empty()); // it goes on all the same
        // The body waits for an int and gets nothing.
        greenlet<int> h;
        std::string seen;
        h = greenlet<int>([&](int) {
            try {
                h.parent().switch_to();
            } catch (const std::bad_any_cast&) { seen = "bad_any_cast"; }
        });
        h.switch_to(1);
        greenlet<> sender([&] {
            greenlet<> child([] {});
            static_cast<void>(child);
        });
        sender.switch_to();
        CHECK(seen.empty());
        h.throw_in(std::make_exception_ptr(std::bad_any_cast()));
        CHECK(seen == "bad_any_cast");
    });
}

TEST_CASE("the running greenlet may switch to itself, and let go of its own handle", "[greenlet]") {
    on_every_strand([] {
        bool ended = false;
        {
            greenlet<int, int> g;
            g = greenlet<int, int>([&](int x) {
                const int back = x == 1 ? weft::this_greenlet::parent().switch_to<int>(2) : 0;
                return back + 1;
            });
            CHECK(g.switch_to(1) == 2);
            CHECK(g.switch_to(5) == 6);
        }
        auto own = std::make_unique<greenlet<>>();
        *own = greenlet<>([&] {
            counted local;
            own.reset();
            ended = true;
        });
        own->switch_to();
        CHECK(ended);
        CHECK_THROWS_AS(parent().switch_to(), std::logic_error); // no greenlet runs here
    });
}

TEST_CASE("greenlets switch below code that knows nothing of them", "[greenlet]") {
    on_every_strand([] {
        int comparisons = 0;
        greenlet<> g([&] {
            static int* count;
            count = &comparisons;
            int values[] = {5, 3, 9, 1, 7};
            qsort(values, 5, sizeof(int), [](const void* a, const void* b) {
                ++*count;
                parent().switch_to();
                return *static_cast<const int*>(a) - *static_cast<const int*>(b);
            });
            CHECK(std::is_sorted(values, values + 5));
        });
        int switches = 0;
        for (; !g.dead(); ++switches) g.switch_to();
        CHECK(comparisons > 0);
        CHECK(switches == comparisons + 1);
    });
}

TEST_CASE("a wait in a greenlet suspends the whole task, which goes on there, maybe elsewhere",
          "[greenlet]") {
    warm_up_stacks();
    over_workers([] {
        std::atomic<int> finished{0};
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < many(100); ++i)
            tasks.push_back(weft::create_task([&] {
                int inner_steps = 0;
                greenlet<> outer([&] {
                    greenlet<> inner([&] {
                        for (;;) {
                            weft::sleep_for(10us);
                            ++inner_steps;
                            parent().switch_to();
                            weft::yield();
                        }
                    });
                    for (int n = 0; n < 5; ++n) {
                        inner.switch_to();
                        weft::sleep_for(10us);
                        parent().switch_to();
                    }
                });
                for (int n = 0; n < 5; ++n) {
                    outer.switch_to();
                    weft::yield();
                }
                if (inner_steps == 5) ++finished;
            }));
        weft::gather(tasks);
        CHECK(finished == static_cast<int>(tasks.size()));
    });
}

TEST_CASE("a cancel unwinds the innermost greenlet first, then its parent, then the task",
          "[greenlet]") {
    over_workers([] {
        std::string order;
        auto t = weft::create_task([&] {
            struct on_exit {
                std::string& order;
                const char* name;
                ~on_exit() { order += name; }
            };
            on_exit task_end{order, "task"};
            greenlet<> outer([&] {
                on_exit outer_end{order, "outer "};
                greenlet<> inner([&] {
                    on_exit inner_end{order, "inner "};
                    weft::sleep_for(1h);
                });
                inner.switch_to();
            });
            outer.switch_to();
        });
        weft::sleep_for(1ms);
        t.cancel("why");
        try {
            weft::await(t);
            CHECK(false);
        } catch (const weft::cancelled_error& e) { CHECK(std::string(e.what()) == "why"); }
        CHECK(order == "inner outer task");
    });
}

TEST_CASE("while a destructor drops a greenlet, waits in its clean-up are no cancel points",
          "[greenlet]") {
    over_workers([] {
        bool cleaned = false, cancelled_later = false;
        auto t = weft::create_task([&] {
            {
                greenlet<> g([&] {
                    try {
                        parent().switch_to();
                    } catch (const weft::greenlet_exit&) {
                        weft::sleep_for(1ms); // in a catch block, nothing unwinds any more
                        cleaned = true;
                        throw;
                    }
                });
                g.switch_to();
                weft::current_task().cancel();
            }
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) { cancelled_later = true; }
        });
        weft::await(t);
        CHECK(cleaned);
        CHECK(cancelled_later);
    });
}

TEST_CASE("forks that lie on a greenlet's stack are shared before its task waits elsewhere",
          "[greenlet]") {
    over_workers([] {
        // The first callable of the gather leaves for the parent, which waits for what the second one does.
        weft::event second_ran;
        greenlet<> g(
            [&] { weft::gather([] { parent().switch_to(); }, [&] { second_ran.set(); }); });
        g.switch_to();
        second_ran.wait();
        g.switch_to();
        CHECK(g.dead());
    });
}

TEST_CASE("greenlets that switch to one another in the middle of their forks keep them apart",
          "[greenlet]") {
    over_workers([] {
        greenlet<> one, two;
        long sum_one = 0, sum_two = 0;
        // Each leaves for the other inside its first callable, with forks of both pending; the second ones wait, too.
        const auto interleaved = [](greenlet<>& other, long& sum) {
            return [&other, &sum] {
                for (int i = 0; i < 20; ++i) {
                    auto [a, b, c] = weft::gather(
                        [&other, i] {
                            auto [x, y] = weft::gather(
                                [&other, i] {
                                    if (!other.dead()) other.switch_to();
                                    return i;
                                },
                                [i] {
                                    weft::yield();
                                    return 10 * i;
                                });
                            return x + y;
                        },
                        [i] { return 100 * i; },
                        [i] {
                            weft::sleep_for(1us);
                            return 1000 * i;
                        });
                    sum += a + b + c;
                }
            };
        };
        one = greenlet<>(interleaved(two, sum_one));
        two = greenlet<>(interleaved(one, sum_two));
        one.switch_to();
        while (!one.dead()) one.switch_to();
        while (!two.dead()) two.switch_to();
        CHECK(sum_one == 1111L * 190);
        CHECK(sum_two == 1111L * 190);
    });
}
