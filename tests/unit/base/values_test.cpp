// SPDX-License-Identifier: Apache-2.0
// unique_function, clock and error.
#include "base/tsc.hpp"
#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include <weft/base/clock.hpp>
#include <weft/base/error.hpp>
#include <weft/base/unique_function.hpp>

using namespace std::chrono_literals;
using weft::unique_function;

namespace {

// Counts its lives, and says where it is.
template <std::size_t Bytes>
struct counted_callable {
    explicit counted_callable(int& n) : alive(&n) { ++*alive; }
    counted_callable(counted_callable&& o) noexcept : alive(o.alive) { ++*alive; }
    counted_callable& operator=(counted_callable&&) = delete;
    ~counted_callable() { --*alive; }
    const void* operator()() { return this; }
    int* alive;
    std::array<char, Bytes> ballast{};
};

template <class F>
bool lies_in(const void* p, const F& f) {
    const auto at = reinterpret_cast<std::uintptr_t>(p),
               from = reinterpret_cast<std::uintptr_t>(&f);
    return at >= from && at < from + sizeof f;
}

struct throwing_move {
    throwing_move() = default;
    throwing_move(throwing_move&&) noexcept(false) {}
    const void* operator()() { return this; }
};

} // namespace

TEST_CASE("an empty function says so, however it became empty", "[base]") {
    unique_function<int()> none;
    unique_function<int()> null = nullptr;
    CHECK_FALSE(none);
    CHECK_FALSE(null);
    unique_function<int()> f = [] { return 1; };
    CHECK(f);
    none = std::move(f);
    CHECK(none);
    CHECK_FALSE(f); // NOLINT: moved from is empty
    none = nullptr;
    CHECK_FALSE(none);
    none = unique_function<int()>(std::move(f)); // of an empty one
    CHECK_FALSE(none);
}

TEST_CASE("small callables live inside the function, others outside", "[base]") {
    int alive = 0;
    unique_function<const void*()> small = counted_callable<8>(alive);
    CHECK(lies_in(small(), small));
    unique_function<const void*()> large = counted_callable<200>(alive);
    CHECK_FALSE(lies_in(large(), large));
    unique_function<const void*()> may_throw = throwing_move();
    CHECK_FALSE(lies_in(may_throw(), may_throw)); // the function's own move must not
    CHECK(alive == 2);

    const void* before = large();
    const unique_function<const void*()> moved = std::move(large);
    unique_function<const void*()> back =
        std::move(const_cast<unique_function<const void*()>&>(moved));
    CHECK(back() == before); // what lies outside stays where it is
    unique_function<const void*()> small_moved = std::move(small);
    CHECK(lies_in(small_moved(), small_moved));
}

TEMPLATE_TEST_CASE("a function destroys its callable once", "[base]", counted_callable<8>,
                   counted_callable<200>) {
    int alive = 0, alive_too = 0;
    {
        unique_function<const void*()> f = TestType(alive);
        CHECK(alive == 1);
        unique_function<const void*()> g = std::move(f);
        CHECK(alive == 1);
        g = TestType(alive_too); // the old one goes
        CHECK(alive == 0);
        CHECK(alive_too == 1);
        auto& same = g;
        g = std::move(same);
        CHECK(g);
        CHECK(alive_too == 1);
        f = std::move(g);
        CHECK(alive_too == 1);
    }
    CHECK(alive_too == 0);
}

TEST_CASE("a function takes move-only captures and arguments, and may hand references on",
          "[base]") {
    unique_function<int(std::unique_ptr<int>)> add =
        [kept = std::make_unique<int>(40)](std::unique_ptr<int> p) { return *kept + *p; };
    auto moved = std::move(add);
    CHECK(moved(std::make_unique<int>(2)) == 42);

    unique_function<int&(int&)> same = [](int& i) -> int& { return ++i; };
    int i = 1;
    CHECK(&same(i) == &i);
    CHECK(i == 2);

    int calls = 0;
    unique_function<void()> drops = [&calls] { return ++calls; }; // a result that nobody wants
    drops();
    drops();
    CHECK(calls == 2);
}

TEST_CASE("what a callable throws comes out of the function, which stays usable", "[base]") {
    int calls = 0;
    unique_function<int(bool)> f = [&calls](bool fail) {
        ++calls;
        if (fail) throw std::runtime_error("no");
        return calls;
    };
    CHECK_THROWS_AS(f(true), std::runtime_error);
    CHECK(f(false) == 2);
}

TEST_CASE("durations become nanoseconds: rounded up, never early", "[base]") {
    using weft::detail::to_nanoseconds;
    using fractional_ns = std::chrono::duration<double, std::nano>;
    using thirds = std::chrono::duration<int, std::ratio<1, 3>>;
    CHECK(to_nanoseconds(0s) == 0ns);
    CHECK(to_nanoseconds(3ms) == 3'000'000ns);
    CHECK(to_nanoseconds(-3ms) == -3'000'000ns);
    CHECK(to_nanoseconds(fractional_ns(0.1)) == 1ns);
    CHECK(to_nanoseconds(fractional_ns(1.0)) == 1ns);
    CHECK(to_nanoseconds(fractional_ns(-1.5)) == -1ns);
    CHECK(to_nanoseconds(std::chrono::duration<int, std::pico>(1)) == 1ns);
    CHECK(to_nanoseconds(std::chrono::duration<int, std::pico>(1000)) == 1ns);
    CHECK(to_nanoseconds(std::chrono::duration<int, std::pico>(1001)) == 2ns);
    CHECK(to_nanoseconds(thirds(1)) == 333'333'334ns);
    CHECK(to_nanoseconds(thirds(3)) == 1s);
    static_assert(to_nanoseconds(2us) == 2000ns);
}

TEST_CASE("durations beyond the range of nanoseconds are held at its ends", "[base]") {
    using weft::detail::to_nanoseconds;
    using seconds_d = std::chrono::duration<double>;
    constexpr auto k_max = std::chrono::nanoseconds::max(), k_min = std::chrono::nanoseconds::min();
    CHECK(to_nanoseconds(std::chrono::hours::max()) == k_max);
    CHECK(to_nanoseconds(std::chrono::hours::min()) == k_min);
    CHECK(to_nanoseconds(k_max) == k_max);
    CHECK(to_nanoseconds(k_min) == k_min);
    CHECK(to_nanoseconds(std::chrono::seconds(9'300'000'000)) == k_max);
    CHECK(to_nanoseconds(seconds_d(1e300)) == k_max);
    CHECK(to_nanoseconds(seconds_d(-1e300)) == k_min);
    CHECK(to_nanoseconds(seconds_d(std::numeric_limits<double>::infinity())) == k_max);
    CHECK(to_nanoseconds(seconds_d(-std::numeric_limits<double>::infinity())) == k_min);
    CHECK(to_nanoseconds(seconds_d(std::numeric_limits<double>::quiet_NaN())) == k_min);
    CHECK(to_nanoseconds(std::chrono::seconds(9'100'000'000)).count() == 9'100'000'000'000'000'000);
}

TEST_CASE("a deadline after a duration never overflows and never lies in the past", "[base]") {
    using weft::detail::deadline_after;
    using weft::detail::k_never;
    const auto before = weft::clock::now().time_since_epoch().count();
    const auto in_an_hour = deadline_after(1h);
    const auto past = deadline_after(-1h);
    const auto longest_past = deadline_after(std::chrono::nanoseconds::min());
    const auto after = weft::clock::now().time_since_epoch().count();
    constexpr auto k_hour = std::chrono::nanoseconds(1h).count();
    CHECK(in_an_hour >= before + k_hour);
    CHECK(in_an_hour <= after + k_hour);
    for (const auto now : {past, longest_past}) {
        CHECK(now >= before);
        CHECK(now <= after);
    }
    CHECK(deadline_after(std::chrono::nanoseconds::max()) == k_never);
    CHECK(deadline_after(std::chrono::nanoseconds::max() - 1ns) == k_never);
}

TEST_CASE("a time of the library's clock is its own deadline", "[base]") {
    using weft::detail::deadline_at;
    const auto t = weft::clock::now();
    CHECK(deadline_at(t) == t.time_since_epoch().count());
    CHECK(deadline_at(weft::clock::time_point::max()) == weft::detail::k_never);
}

TEMPLATE_TEST_CASE("a time of another clock becomes a deadline at that distance", "[base]",
                   std::chrono::steady_clock, std::chrono::system_clock) {
    using weft::detail::deadline_at;
    const auto from = weft::clock::now().time_since_epoch().count();
    const auto later = deadline_at(TestType::now() + 1h);
    const auto earlier = deadline_at(TestType::now() - 1h);
    const auto to = weft::clock::now().time_since_epoch().count();
    // A minute of slack: somebody may set the system's clock meanwhile, by a little.
    constexpr auto k_hour = std::chrono::nanoseconds(1h).count(), k_minute = k_hour / 60;
    CHECK(later >= from + k_hour - k_minute);
    CHECK(later <= to + k_hour + k_minute);
    CHECK(earlier >= from); // now
    CHECK(earlier <= to);
}

TEST_CASE("describe names the type of an exception and its message", "[base]") {
    using weft::describe;
    CHECK(describe(std::make_exception_ptr(std::out_of_range("too far"))) ==
          "std::out_of_range: too far");
    CHECK(describe(std::make_exception_ptr(weft::timeout_error())) ==
          "weft::timeout_error: weft: timed out");
    CHECK(describe(std::make_exception_ptr(weft::cancelled_error())) == "weft::cancelled_error");
    CHECK(describe(std::make_exception_ptr(weft::cancelled_error("enough"))) ==
          "weft::cancelled_error: enough");
    CHECK(describe(std::make_exception_ptr(42)) == "int");
    CHECK(describe(nullptr) == "no exception");
}

TEST_CASE("a handler of std::exception does not swallow a cancellation", "[base]") {
    std::string caught;
    try {
        try {
            throw weft::cancelled_error("enough");
        } catch (const std::exception&) { caught = "swallowed"; }
    } catch (const weft::cancelled_error& e) {
        const weft::cancelled_error copy = e;
        caught = copy.what();
    }
    CHECK(caught == "enough");
}

TEST_CASE("tsc: of a counter that another core has ahead of ours, no time has passed", "[base]") {
    using weft::detail::tsc_between;
    CHECK(tsc_between(100, 142) == 42);
    CHECK(tsc_between(100, 100) == 0);
    CHECK(tsc_between(100, 99) == 0); // a difference plus one was a division by zero once
    CHECK(tsc_between(100, 1) == 0);
}
