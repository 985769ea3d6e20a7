// SPDX-License-Identifier: Apache-2.0
// Scopes: what asyncio's context managers and task groups promise beyond the basics of group_test.cpp.
#include <functional>
#include <set>
#include <string>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

/// A manager whose enter and exit wait.
class resource {
public:
    resource(std::string& log, char name, bool fails = false) : log_(log), name_(name) {
        weft::sleep_for(1ms);
        if (fails) throw std::runtime_error("enter");
        log_.append("+") += name_;
    }
    ~resource() {
        const weft::mask_cancel whole;
        weft::sleep_for(1ms);
        log_.append("-") += name_;
    }
    resource(const resource&) = delete;
    resource& operator=(const resource&) = delete;
    [[nodiscard]] char value() const { return name_; }

private:
    std::string& log_;
    const char name_;
};

std::vector<std::string> said_by(const weft::task_errors& e) {
    std::vector<std::string> said;
    for (const auto& x : e.exceptions()) said.push_back(weft::describe(x));
    return said;
}

/// What a group throws.
template <class Body>
std::vector<std::string> errors_of(Body body) {
    try {
        weft::with_task_group(body);
    } catch (const weft::task_errors& e) { return said_by(e); }
    return {};
}

/// Waits until it is cancelled, then fails.
void fails_in_cleanup(const char* what) {
    try {
        weft::sleep_for(1h);
    } catch (const weft::cancelled_error&) { throw std::runtime_error(what); }
}

} // namespace

TEST_CASE("ACM-01: enter and exit wait, the body runs between them with what was entered; exit "
          "runs after a return, an error and a cancel",
          "[task]") {
    over_workers([] {
        std::string log;
        const auto body = [&log](auto end) {
            return weft::create_task([&log, end] {
                const resource r(log, 'r');
                log += r.value();
                end();
            });
        };
        weft::await(body([] {}));
        CHECK(std::exchange(log, "") == "+rr-r");
        CHECK_THROWS_AS(weft::await(body([] { throw std::runtime_error("body"); })),
                        std::runtime_error);
        CHECK(std::exchange(log, "") == "+rr-r");
        weft::event inside;
        auto cancelled = body([&] {
            inside.set();
            weft::sleep_for(1h);
        });
        inside.wait();
        cancelled.cancel();
        CHECK_THROWS_AS(weft::await(cancelled), weft::cancelled_error);
        CHECK(log == "+rr-r");
    });
}

TEST_CASE("ACM-03: after an enter that fails neither the body nor the exit runs", "[task]") {
    over_workers([] {
        std::string log;
        CHECK_THROWS_WITH(
            [&] {
                const resource outer(log, 'o');
                const resource r(log, 'r', true);
                log += "body";
            }(),
            "enter");
        CHECK(log == "+o-o");
    });
}

TEST_CASE("ACM-04: an exit that may fail is a function's end: its error comes out in place of the "
          "body's, and holds that",
          "[task]") {
    in_virtual_time([] {
        const auto errors = errors_of([](weft::task_group& g) {
            g.create_task([] { fails_in_cleanup("exit"); });
            weft::yield();
            throw std::runtime_error("body");
        });
        CHECK(std::multiset<std::string>(errors.begin(), errors.end()) ==
              std::multiset<std::string>{"std::runtime_error: body", "std::runtime_error: exit"});
    });
}

TEST_CASE("ACM-05: several managers and callbacks exit last in, first out, whatever fails",
          "[task]") {
    over_workers([] {
        struct callback {
            std::string& log;
            ~callback() { log += "-c"; }
        };
        std::string log;
        CHECK_THROWS_WITH(
            [&] {
                const resource a(log, 'a');
                const callback c{log};
                try {
                    const resource b(log, 'b');
                    throw std::runtime_error("first");
                } catch (const std::runtime_error&) {
                    const resource d(log, 'd');
                    throw std::runtime_error("second");
                }
            }(),
            "second");
        CHECK(log == "+a+b-b+d-d-c-a");
    });
}

TEST_CASE("TGR-07 TGR-11: what the body's clean-up and what a child throws are both in the group, "
          "and no request is left",
          "[task]") {
    in_virtual_time([] {
        const auto errors = errors_of([](weft::task_group& g) {
            g.create_task([] {
                weft::sleep_for(1s);
                throw std::runtime_error("child");
            });
            fails_in_cleanup("body's clean-up");
        });
        CHECK(errors == std::vector<std::string>{"std::runtime_error: child",
                                                 "std::runtime_error: body's clean-up"});
        CHECK(weft::current_task().cancelling() == 0);
        weft::sleep_for(1s); // nor is a cancel pending
    });
}

TEST_CASE("TGR-10: a child's error and a cancel from elsewhere together: first the errors, then "
          "the cancel at the next wait",
          "[task]") {
    // The cancel comes before the failure, after it, and while the group waits for its children.
    const int order = GENERATE(0, 1, 2);
    CAPTURE(order);
    in_virtual_time([&] {
        std::string log;
        weft::event fail;
        auto parent = weft::create_task([&] {
            try {
                weft::with_task_group([&](weft::task_group& g) {
                    g.create_task([&] {
                        fail.wait();
                        throw std::runtime_error("child");
                    });
                    if (order != 2) weft::sleep_for(1h);
                });
            } catch (const weft::task_errors&) { log += "errors "; }
            log += std::to_string(weft::current_task().cancelling());
            weft::sleep_for(1h);
            log += " not cancelled";
        });
        weft::yield();
        weft::yield();
        if (order == 1) fail.set();
        parent.cancel("outside");
        if (order != 1) fail.set();
        CHECK_THROWS_AS(weft::await(parent), weft::cancelled_error);
        CHECK(log == "errors 1");
    });
}

TEST_CASE("TGR-12: a group that is ending takes no more children, and those that multiply for ever "
          "are stopped",
          "[task]") {
    over_workers([] {
        std::atomic<bool> ran{false}, refused{false};
        weft::event begun;
        CHECK_THROWS_AS(weft::with_task_group([&](weft::task_group& g) {
                            g.create_task([&] {
                                try {
                                    begun.set();
                                    weft::sleep_for(1h);
                                } catch (const weft::cancelled_error&) {
                                    try {
                                        g.create_task([&] { ran = true; });
                                    } catch (const weft::group_closed&) { refused = true; }
                                    throw;
                                }
                            });
                            begun.wait();
                            throw std::runtime_error("body");
                        }),
                        weft::task_errors);
        CHECK(refused);
        CHECK_FALSE(ran);

        std::atomic<int> generations{0};
        weft::task_group* group = nullptr;
        std::function<void()> multiply = [&] {
            if (++generations == 200) throw std::runtime_error("enough");
            group->create_task(multiply);
            weft::yield();
            group->create_task(multiply);
        };
        CHECK_THROWS_AS(weft::with_task_group([&](weft::task_group& g) {
                            group = &g;
                            g.create_task(multiply);
                        }),
                        weft::task_errors);
        const int at_end = generations;
        weft::yield();
        CHECK(generations == at_end);
    });
}

TEST_CASE("TGR-13: a group keeps nothing of children that have ended", "[task]") {
    over_workers([] {
        weft::task_group g;
        for (int i = 0; i < many(2000); ++i) {
            weft::await(g.create_task([life = counted()] { return counted(); }));
        }
        // While it is open; the last one's end may be on its way.
        while (counted::alive != 0 || weft::metrics().live_tasks != 1) weft::yield();
        g.join();
    });
}

TEST_CASE("TGR-14: a set of tasks gives its finished children one by one; a cancel of all ends "
          "all, and so does the end of the set",
          "[task]") {
    in_virtual_time([] {
        std::string order;
        {
            weft::task_group g;
            std::vector<weft::task<int>> set;
            for (int i : {3, 1, 2})
                set.push_back(g.create_task([i] {
                    weft::sleep_for(std::chrono::seconds(i));
                    return i;
                }));
            for (auto& done : weft::as_completed(set)) order += std::to_string(done.result());
            CHECK(order == "123");
            std::vector<weft::task<void>> rest;
            for (int i = 0; i < 5; ++i)
                rest.push_back(g.create_task([c = counted()] { weft::sleep_for(1h); }));
            for (auto& t : rest) t.cancel();
            CHECK(weft::wait(rest).done.size() == 5);
            for (int i = 0; i < 5; ++i) g.create_task([c = counted()] { weft::sleep_for(1h); });
            CHECK(counted::alive == 5);
        }
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("CAN-25: scopes are a tree: a cancel reaches one and all below it, not its parent or "
          "siblings; below a cancelled one nothing begins",
          "[task]") {
    in_virtual_time([] {
        std::string ended;
        const auto leaf = [&ended](const char* name) {
            return [&ended, name] {
                try {
                    weft::sleep_for(10s);
                    ended += name;
                } catch (const weft::cancelled_error&) {
                    ended.append("x") += name;
                    throw;
                }
            };
        };
        bool born_late = false;
        weft::task_group root;
        auto left = root.create_task([&] {
            weft::with_task_group([&](weft::task_group& inner) {
                inner.create_task(leaf("a "));
                inner.create_task([&] {
                    weft::with_task_group([&](weft::task_group& g) { g.create_task(leaf("b ")); });
                });
                try {
                    weft::sleep_for(10s);
                } catch (const weft::cancelled_error&) {
                    inner.create_task([&] { born_late = true; });
                    throw;
                }
            });
        });
        root.create_task(leaf("c "));
        weft::sleep_for(1s);
        left.cancel();
        root.join();
        CHECK(std::multiset<char>(ended.begin(), ended.end()) ==
              std::multiset<char>{'x', 'a', ' ', 'x', 'b', ' ', 'c', ' '});
        CHECK(left.cancelled());
        CHECK_FALSE(born_late);
        CHECK(weft::current_task().cancelling() == 0);
    });
}

TEST_CASE("TMO-21: a limit round a group whose child fails in its clean-up: the group's errors "
          "come out",
          "[task]") {
    in_virtual_time([] {
        std::vector<std::string> errors;
        try {
            weft::timeout(1s, [](weft::timeout_scope&) {
                weft::with_task_group(
                    [](weft::task_group& g) { g.create_task([] { fails_in_cleanup("child"); }); });
            });
        } catch (const weft::task_errors& e) { errors = said_by(e); }
        CHECK(errors == std::vector<std::string>{"std::runtime_error: child"});
        CHECK(weft::current_task().cancelling() == 0);
        weft::sleep_for(1s); // and no cancel is left
    });
}
