// SPDX-License-Identifier: Apache-2.0
// Context variables.
#include <cfenv>
#include <string>
#include <thread>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

weft::task_local<int> number(1);
weft::task_local<std::string> text("none");

} // namespace

TEST_CASE("CTX-01: a child sees the value at its creation; later changes of either are its own",
          "[task]") {
    over_workers([] {
        CHECK(number.get() == 1);
        number.set(2);
        weft::event changed;
        auto child = weft::create_task([&] {
            const int at_first = number.get();
            number.set(3);
            text.set("child");
            changed.wait();
            return std::pair(at_first, number.get());
        });
        number.set(4);
        changed.set();
        CHECK(weft::await(child) == std::pair(2, 3));
        CHECK(number.get() == 4);
        CHECK(text.get() == "none");
        // A grandchild's is the child's.
        CHECK(weft::await(weft::create_task([] {
                  number.set(5);
                  return weft::await(weft::create_task([] { return number.get(); }));
              })) == 5);
    });
}

TEST_CASE("CTX-02: a hundred tasks that set and sleep each read their own", "[task]") {
    over_workers([] {
        std::vector<weft::task<bool>> tasks;
        for (int i = 0; i < 100; ++i)
            tasks.push_back(weft::create_task([i] {
                bool good = true;
                for (int n = 0; n < 10; ++n) {
                    number.set(i * 100 + n);
                    weft::sleep_for(std::chrono::microseconds(i % 7));
                    good = good && number.get() == i * 100 + n;
                }
                return good;
            }));
        for (bool good : weft::gather(tasks)) CHECK(good);
        CHECK(number.get() == 1);
    });
}

TEST_CASE("CTX-03: a done callback runs in the context in which it was added, and changes only a "
          "copy",
          "[task]") {
    over_workers([] {
        number.set(7);
        weft::promise<void> p;
        std::atomic<int> seen{0};
        weft::latch ran(2);
        p.get_future().add_done_callback([&] {
            seen = number.get();
            number.set(99);
            ran.count_down();
        });
        weft::await(weft::create_task([&] {
            number.set(8);
            p.set_value(); // in another context
        }));
        weft::await(weft::create_task([&] { // and one where nothing was set
            auto f = p.get_future();
            f.add_done_callback([&] { ran.count_down(); });
        }));
        ran.wait();
        CHECK(seen == 7);
        CHECK(number.get() == 7);
    });
}

TEST_CASE("CTX-04: tasks of a group, and a taken callable of gather, have their creator's values",
          "[task]") {
    over_workers([] {
        text.set("group");
        std::atomic<int> good{0};
        weft::with_task_group([&](weft::task_group& g) {
            for (int i = 0; i < 5; ++i)
                g.create_task([&] { good += text.get() == "group" ? 1 : 0; });
        });
        CHECK(good == 5);
        weft::gather([] { weft::sleep_for(1ms); }, // waits: the others are taken
                     [&] { good += text.get() == "group" ? 1 : 0; },
                     [&] { good += text.get() == "group" ? 1 : 0; });
        CHECK(good == 7);
    });
}

TEST_CASE("CTX-05: a call in an executor sees its caller's values, and leaves the thread's alone",
          "[task]") {
    over_workers([] {
        text.set("caller");
        auto call = [] {
            const std::string seen = text.get();
            text.set("pool");
            return seen;
        };
        for (int i = 0; i < 3; ++i) CHECK(weft::await(weft::run_in_executor(call)) == "caller");
        CHECK(text.get() == "caller");
        CHECK(weft::await(weft::create_task([&] {
                  text.set("other");
                  return weft::await(weft::run_in_executor(call));
              })) == "other");
    });
}

TEST_CASE("CTX-06: the rounding mode is the task's own, and values go with the task", "[task]") {
    over_workers([] {
        auto upwards = weft::create_task([] {
            std::fesetround(FE_UPWARD);
            bool kept = true;
            for (int i = 0; i < 20; ++i) {
                weft::sleep_for(10us);
                kept = kept && std::fegetround() == FE_UPWARD;
            }
            std::fesetround(FE_TONEAREST);
            return kept;
        });
        bool mine = true;
        for (int i = 0; i < 20; ++i) {
            weft::sleep_for(10us);
            mine = mine && std::fegetround() == FE_TONEAREST;
        }
        CHECK(mine);
        CHECK(weft::await(upwards));

        static weft::task_local<std::shared_ptr<int>> shared;
        std::weak_ptr<int> value;
        auto t = weft::create_task([&] {
            auto p = std::make_shared<int>(1);
            value = p;
            shared.set(std::move(p));
        });
        weft::await(t);
        CHECK(value.expired()); // though the handle is still there
        auto cancelled = weft::create_task([&] {
            auto p = std::make_shared<int>(1);
            value = p;
            shared.set(std::move(p));
            weft::sleep_for(1h);
        });
        weft::sleep_for(1ms);
        cancelled.cancel();
        CHECK_THROWS_AS(weft::await(cancelled), weft::cancelled_error);
        CHECK(value.expired());
    });
}

TEST_CASE("plain threads have values of their own, which tasks they spawn inherit", "[task]") {
    std::thread([] {
        CHECK(number.get() == 1);
        number.set(11);
        weft::runtime rt({.workers = 1});
        CHECK(rt.spawn([] { return number.get(); }).get() == 11);
        CHECK(rt.block_on([] {
            number.set(12);
            return number.get();
        }) == 12);
        CHECK(number.get() == 11);
    }).join();
    CHECK(number.get() == 1);
}

TEST_CASE("a variable at the address of one that is gone begins anew", "[task]") {
    std::optional<weft::task_local<int>> v;
    v.emplace(1);
    v->set(5);
    v.emplace(2);
    CHECK(v->get() == 2);
}
