// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <weft/base/clock.hpp>

namespace {
using namespace std::chrono;
using weft::detail::deadline_at;
using weft::detail::to_nanoseconds;
} // namespace

TEST_CASE("deadline: the earliest time of a clock is long past, the latest never comes", "[base]") {
    const auto now = weft::clock::now().time_since_epoch().count();
    CHECK(deadline_at(steady_clock::time_point::min()) <= now + 1'000'000'000);
    CHECK(deadline_at(steady_clock::time_point::max()) > now + 1'000'000'000);
    CHECK(deadline_at(time_point<system_clock, seconds>::max()) > now + 1'000'000'000);
    CHECK(deadline_at(time_point<system_clock, seconds>::min()) <= now + 1'000'000'000);
}

TEST_CASE("deadline: durations in periods that do not divide a nanosecond convert without overflow",
          "[base]") {
    using frames = duration<std::int64_t, std::ratio<1, 60>>;
    const auto years = duration_cast<frames>(hours(24 * 365 * 200));
    CHECK(to_nanoseconds(years).count() == 6'307'200'000'000'000'000);
    CHECK(to_nanoseconds(frames(1)).count() == 16'666'667); // rounded up
    CHECK(to_nanoseconds(frames(-1)).count() == -16'666'666);
    CHECK(to_nanoseconds(duration<double>(0.5e-9)).count() == 1);
}
