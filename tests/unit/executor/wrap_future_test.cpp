// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::testing::leak_fixture;
using weft::testing::over_workers;

TEST_CASE("WRP-01: wrap_future: values of every kind arrive, ready ones without a thread",
          "[executor]") {
    over_workers([] {
        std::promise<int> later;
        auto f = weft::wrap_future(later.get_future());
        CHECK_FALSE(f.done());
        auto waiter = weft::create_task([&] { return weft::await(f); });
        later.set_value(3);
        CHECK(weft::await(waiter) == 3);

        std::promise<std::unique_ptr<int>> ready;
        ready.set_value(std::make_unique<int>(4));
        auto boxed = weft::wrap_future(ready.get_future());
        CHECK(boxed.done());
        CHECK(*weft::await(std::move(boxed)) == 4);

        int target = 0;
        std::promise<int&> reference;
        reference.set_value(target);
        CHECK(&weft::await(weft::wrap_future(reference.get_future())) == &target);

        std::promise<void> nothing;
        auto done = weft::wrap_future(nothing.get_future());
        nothing.set_value();
        weft::await(done);

        weft::await(weft::wrap_future(std::async(std::launch::deferred, [] {})));
    });
    leak_fixture nothing_leaks;
    CHECK(weft::wrap_future(std::async(std::launch::async, [] { return 9; })).get() == 9);
}

TEST_CASE("wrap_future: a shared one is copied from, and may be wrapped again", "[executor]") {
    over_workers([] {
        std::promise<std::string> p;
        std::shared_future<std::string> shared = p.get_future().share();
        auto a = weft::wrap_future(shared), b = weft::wrap_future(shared);
        p.set_value("both");
        CHECK(weft::await(a) + weft::await(b) == "bothboth");
        CHECK(shared.get() == "both");
    });
}

TEST_CASE(
    "WRP-01: wrap_future: exceptions arrive, a broken promise among them; an empty one is refused",
    "[executor]") {
    over_workers([] {
        std::promise<int> p;
        auto f = weft::wrap_future(p.get_future());
        p.set_exception(std::make_exception_ptr(std::runtime_error("why")));
        CHECK_THROWS_WITH(weft::await(f), "why");
        weft::future<int> broken;
        {
            std::promise<int> gone;
            broken = weft::wrap_future(gone.get_future());
        }
        CHECK_THROWS_AS(weft::await(broken), std::future_error);
        CHECK_THROWS_AS(weft::wrap_future(std::future<int>()), weft::invalid_state);
    });
}

TEST_CASE("wrap_future: a cancel ends the wait and leaves the standard one alone", "[executor]") {
    over_workers([] {
        std::promise<int> p;
        auto shared = p.get_future().share();
        auto f = weft::wrap_future(shared);
        CHECK(f.cancel("not needed"));
        CHECK_THROWS_AS(weft::await(f), weft::cancelled_error);
        p.set_value(1);
        CHECK(shared.get() == 1);
    });
}
