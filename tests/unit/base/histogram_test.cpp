// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/histogram.hpp"

using weft::detail::histogram;

TEST_CASE("histogram: every value falls into a bucket that begins where the last one ended",
          "[base]") {
    std::uint64_t last = 0;
    for (unsigned b = 1; b < histogram::k_buckets; ++b) {
        const auto first = static_cast<std::uint32_t>(last + 1);
        REQUIRE(histogram::bucket_of(first) == b);
        last = histogram::largest_in(b);
        REQUIRE(histogram::bucket_of(static_cast<std::uint32_t>(last)) == b);
        REQUIRE(static_cast<double>(last) <= 1.25 * first);
    }
    CHECK(histogram::bucket_of(0) == 0);
    CHECK(last == 0xffff'ffffU);
}

TEST_CASE("histogram: quantiles are at most a quarter too large, never too small", "[base]") {
    histogram h;
    histogram::counts c{};
    CHECK(histogram::quantile(c, 0.5) == 0);
    for (std::uint32_t i = 1; i <= 10'000; ++i) h.add(i);
    h.add_to(c);
    CHECK(histogram::total(c) == 10'000);
    for (const double q : {0.01, 0.5, 0.99, 0.999, 1.0}) {
        const auto found = static_cast<double>(histogram::quantile(c, q));
        CAPTURE(q);
        CHECK(found >= q * 10'000);
        CHECK(found <= 1.25 * q * 10'000 + 1);
    }
}
