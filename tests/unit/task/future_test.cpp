// SPDX-License-Identifier: Apache-2.0
// Futures and promises: asyncio's rules.
#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

template <class F>
concept can_set_value = requires(F f) {
    f.set_value(1);
};

/// Runs a body with a runtime whose reports are counted.
template <class Body>
int reports_of(Body body) {
    std::atomic<int> reports{0};
    weft::run({.workers = 2, .exception_handler = [&](const auto&) { ++reports; }}, body);
    return reports;
}

} // namespace

TEST_CASE("FUT-01: a pending future has no result and no exception", "[task]") {
    weft::promise<int> p;
    auto f = p.get_future();
    CHECK_FALSE(f.done());
    CHECK_FALSE(f.cancelled());
    CHECK_THROWS_AS(f.result(), weft::invalid_state);
    CHECK_THROWS_AS(f.exception(), weft::invalid_state);
    CHECK_THROWS_AS(weft::future<int>().done(), weft::invalid_state);
    p.set_value(1);
}

TEST_CASE("FUT-02: a result stays what it is, whoever sets again", "[task]") {
    weft::promise<int> p;
    auto f = p.get_future();
    CHECK(p.set_value(1));
    CHECK(f.result() == 1);
    CHECK(f.exception() == nullptr);
    CHECK_THROWS_AS(p.set_value(2), weft::invalid_state);
    CHECK_THROWS_AS(p.set_exception(std::make_exception_ptr(1)), weft::invalid_state);
    CHECK(f.result() == 1);
}

TEST_CASE("FUT-03: result throws the exception, exception gives the very object", "[task]") {
    weft::promise<int> p;
    auto f = p.get_future();
    const auto error = std::make_exception_ptr(std::runtime_error("x"));
    CHECK(p.set_exception(error));
    CHECK(f.done());
    CHECK_FALSE(f.cancelled());
    CHECK_THROWS_AS(f.result(), std::runtime_error);
    CHECK(f.exception() == error);
}

TEST_CASE("FUT-04 FUT-17: a cancelled future is done; later setters are told, not punished; a "
          "second cancel is refused",
          "[task]") {
    weft::promise<int> p;
    auto f = p.get_future();
    CHECK(f.cancel("why"));
    CHECK(f.done());
    CHECK(f.cancelled());
    CHECK_FALSE(f.cancel());
    CHECK_THROWS_AS(f.result(), weft::cancelled_error);
    CHECK_THROWS_AS(f.exception(), weft::cancelled_error);
    CHECK_FALSE(p.set_value(1));
    CHECK(f.cancelled());
    CHECK_THROWS_AS(p.set_value(1), weft::invalid_state);
}

TEST_CASE(
    "FUT-05 FUT-06 FUT-08: done callbacks run later, in the order they were added, each once; "
    "also those added when it is done, or by one another",
    "[task]") {
    weft::run({.workers = 1}, [] {
        weft::promise<int> p;
        auto f = p.get_future();
        std::string order;
        f.add_done_callback([&] { order += "a"; });
        f.add_done_callback([&](weft::future<int> g) {
            order += std::to_string(g.result());
            g.add_done_callback([&] { order += "c"; });
        });
        f.add_done_callback([&] { order += "b"; });
        p.set_value(7);
        CHECK(order.empty()); // not inside the call
        weft::sleep_for(1ms);
        CHECK(order == "a7bc");
        f.add_done_callback([&] { order += "d"; });
        CHECK(order == "a7bc");
        weft::sleep_for(1ms);
        CHECK(order == "a7bcd");
    });
}

TEST_CASE(
    "FUT-07: a done callback can be taken back until the future is done; the others still run",
    "[task]") {
    weft::run({.workers = 1}, [] {
        weft::promise<int> p;
        auto f = p.get_future();
        std::string order;
        const auto adds = [&](char c) {
            return f.add_done_callback([&order, c, life = counted()] { order += c; });
        };
        auto a = adds('a'), b = adds('b'), c = adds('c'), again = adds('a');
        CHECK(a.remove());
        CHECK(again.remove());
        CHECK(counted::alive == 2); // what they captured is gone
        CHECK_FALSE(a.remove());
        p.set_value(1);
        CHECK_FALSE(b.remove()); // on its way
        weft::yield();
        CHECK(order == "bc");
        CHECK_FALSE(c.remove());
        CHECK_FALSE(f.add_done_callback([] {}).remove());
        CHECK(weft::current_task().add_done_callback([] {}).remove());
    });
}

TEST_CASE("FUT-05 FUT-13: callbacks and those who wait go on in the order in which they came; the "
          "callbacks one at a time, also if one waits",
          "[task]") {
    weft::run({.workers = 1, .max_spares = 0}, [] {
        weft::promise<void> p;
        auto f = p.get_future();
        std::string order;
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < 20; ++i) { // more than are told in one go
            f.add_done_callback([&, i] { order += std::to_string(i) + "c "; });
            tasks.push_back(weft::create_task([&, i] {
                weft::await(f);
                order += std::to_string(i) + "t ";
            }));
            weft::yield();
        }
        std::string expected;
        for (int i = 0; i < 20; ++i)
            expected += std::to_string(i) + "c " + std::to_string(i) + "t ";
        p.set_value();
        weft::gather(tasks);
        CHECK(order == expected);
    });
    over_workers([] {
        weft::promise<void> p;
        auto f = p.get_future();
        std::atomic<int> inside{0};
        std::vector<int> order;
        std::vector<weft::task<void>> tasks;
        weft::event all_called;
        bool overlapped = false;
        for (int i = 0; i < 20; ++i) {
            f.add_done_callback([&, i] {
                overlapped = overlapped || ++inside != 1;
                order.push_back(i);
                weft::yield();
                if (i % 5 == 0) weft::sleep_for(1ms);
                --inside;
                if (i == 19) all_called.set();
            });
            tasks.push_back(weft::create_task([&] { weft::await(f); }));
            weft::yield();
        }
        p.set_value();
        weft::gather(tasks);
        all_called.wait();
        CHECK_FALSE(overlapped);
        CHECK(std::ranges::is_sorted(order));
        CHECK(order.size() == 20);
    });
}

TEST_CASE("FUT-09: awaiting what is done does not let others in between, and gives it again",
          "[task]") {
    weft::run({.workers = 1}, [] {
        weft::promise<int> p;
        p.set_value(3);
        bool other_ran = false;
        auto t = weft::create_task([&] { other_ran = true; });
        auto f = p.get_future(); // of a named handle a copy; a temporary one would move it out
        for (int i = 0; i < 3; ++i) CHECK(weft::await(f) == 3);
        CHECK(weft::await(f) + weft::await(f) == 6);
        CHECK_FALSE(other_ran);
        weft::await(t);
    });
}

TEST_CASE("FUT-10: who waits for a future that nobody sets waits until it is cancelled, or the "
          "promise is gone",
          "[task]") {
    in_virtual_time([] {
        auto p = std::make_unique<weft::promise<int>>();
        auto f = p->get_future();
        auto waiter = weft::create_task([f] { return weft::await(f); });
        weft::sleep_for(1h);
        CHECK_FALSE(waiter.done());
        waiter.cancel();
        CHECK_THROWS_AS(weft::await(waiter), weft::cancelled_error);
        CHECK_FALSE(f.done()); // only its waiter is gone
        auto other = weft::create_task([f] { return weft::await(f); });
        weft::yield();
        p.reset();
        CHECK_THROWS_AS(weft::await(other), weft::broken_promise);
    });
}

TEST_CASE("FUT-11 FUT-12: a task that sets a future after two seconds; a task has no setter",
          "[task]") {
    static_assert(can_set_value<weft::promise<int>> && !can_set_value<weft::task<int>>);
    in_virtual_time([] {
        weft::promise<std::string> p;
        const auto start = weft::clock::now();
        auto setter = weft::create_task([&] {
            weft::sleep_for(2s);
            p.set_value("666");
        });
        CHECK(weft::await(p.get_future()) == "666");
        CHECK(weft::clock::now() - start == 2s);
        weft::await(setter);
    });
}

TEST_CASE("FUT-13: all who wait for one future go on with the same outcome", "[task]") {
    over_workers([] {
        weft::promise<int> good, bad;
        const auto value = good.get_future(), error = bad.get_future();
        std::atomic<int> sum{0}, failed{0};
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < 20; ++i) {
            tasks.push_back(weft::create_task([&] { sum += weft::await(value); }));
            tasks.push_back(weft::create_task([&] {
                try {
                    weft::await(error);
                } catch (const std::runtime_error&) { ++failed; }
            }));
        }
        weft::yield();
        good.set_value(2);
        bad.set_exception(std::make_exception_ptr(std::runtime_error("x")));
        weft::gather(tasks);
        CHECK(sum == 40);
        CHECK(failed == 20);
    });
}

TEST_CASE("FUT-14 FUT-15 FUT-16: an exception is reported once, at the last handle's end, unless "
          "somebody asked for it; nothing else is",
          "[task]") {
    const auto failing = [] { return weft::create_task([] { throw std::runtime_error("x"); }); };
    CHECK(reports_of([&] { // nobody asks
              auto t = failing();
              auto copy = t;
              weft::wait(std::vector{t});
          }) == 1);
    CHECK(reports_of([&] {
              CHECK_THROWS(weft::await(failing()));
              auto t = failing();
              weft::wait(std::vector{t});
              CHECK(t.exception() != nullptr);
          }) == 0);
    CHECK(reports_of([&] {
              weft::promise<int> abandoned;
              auto f = abandoned.get_future(); // gets a broken_promise; somebody looks
              { weft::promise<int> gone = std::move(abandoned); }
              CHECK_THROWS_AS(weft::await(f), weft::broken_promise);
              { const weft::promise<int> nobody_waits; }
              auto unseen = weft::promise<int>().get_future();
              CHECK(unseen.done());
              weft::promise<int> value;
              value.set_value(1);
              weft::promise<int> cancelled;
              cancelled.get_future().cancel();
          }) == 0);
}

TEST_CASE("FUT-18: a task awaits a future of another runtime", "[task]") {
    weft::runtime other({.workers = 1});
    CHECK(weft::run({.workers = 1}, [&] {
              return weft::await(other.spawn([] {
                  weft::sleep_for(1ms);
                  return 5;
              }));
          }) == 5);
}

TEST_CASE("FUT-19 FUT-21: a plain thread sets what tasks wait for; they see what it wrote before",
          "[task]") {
    over_workers([] {
        for (int i = 0; i < many(200); ++i) {
            weft::promise<void> p;
            int plain = 0;
            std::thread setter([&] {
                plain = i;
                p.set_value();
            });
            weft::await(p.get_future());
            CHECK(plain == i);
            setter.join();
        }
    });
}

TEST_CASE("FUT-20: of a set and a cancel that race exactly one wins, and both are told", "[task]") {
    over_workers([] {
        for (int i = 0; i < many(2000); ++i) {
            weft::promise<int> p;
            auto f = p.get_future();
            bool set = false;
            auto setter = weft::create_task([&] { set = p.set_value(1); });
            const bool cancelled = f.cancel();
            weft::await(setter);
            CHECK(set != cancelled);
            CHECK(f.cancelled() == cancelled);
        }
    });
}

TEST_CASE("FUT-22: an exception that many catch at a time is read safely by each", "[task]") {
    over_workers([] {
        weft::promise<void> p;
        std::vector<weft::task<std::size_t>> tasks;
        for (int i = 0; i < 30; ++i)
            tasks.push_back(weft::create_task([&] {
                try {
                    weft::await(p.get_future());
                } catch (const std::runtime_error& e) { return std::string(e.what()).size(); }
                return std::size_t{0};
            }));
        p.set_exception(std::make_exception_ptr(std::runtime_error("seventeen letters")));
        for (std::size_t n : weft::gather(tasks)) CHECK(n == 17);
    });
}

TEST_CASE("FUT-23: a result whose destructor uses the library may be dropped", "[task]") {
    over_workers([] {
        std::atomic<int> ran{0};
        struct busy {
            std::atomic<int>* ran = nullptr;
            explicit busy(std::atomic<int>& r) : ran(&r) {}
            busy(busy&& o) noexcept : ran(std::exchange(o.ran, nullptr)) {}
            ~busy() {
                if (ran == nullptr) return;
                const weft::mask_cancel m;
                weft::await(weft::create_task([this] { ++*ran; }));
            }
        };
        {
            auto t = weft::create_task([&] { return busy(ran); });
        }
        {
            auto t = weft::create_task([&] { return busy(ran); });
            weft::wait(std::vector{t});
        }
        while (ran < 2) weft::yield();
        CHECK(ran == 2);
    });
}

TEST_CASE("FUT-19: a promise may be destroyed by who has seen its future done, also while the "
          "setter is on its way out",
          "[task]") {
    constexpr int k_rounds = 5'000;
    std::atomic<weft::promise<std::string>*> shown{nullptr};
    std::thread setter([&] {
        for (int i = 0; i < k_rounds; ++i) {
            weft::promise<std::string>* p = nullptr;
            while ((p = shown.exchange(nullptr)) == nullptr) std::this_thread::yield();
            p->set_value("there");
        }
    });
    int right = 0;
    for (int i = 0; i < k_rounds; ++i) {
        auto p = std::make_unique<weft::promise<std::string>>();
        auto f = p->get_future();
        shown = p.get();
        while (!f.done()) {} // no wait: the setter's last instructions are what this is about
        p.reset();
        if (f.get() == "there") ++right;
    }
    setter.join();
    CHECK(right == k_rounds);
}
