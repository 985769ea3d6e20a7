// SPDX-License-Identifier: Apache-2.0
#include "numbers.hpp"

#include <catch2/catch.hpp>

using namespace serve;
using Catch::Contains;

TEST_CASE("numbers within their limits are read", "[serve]") {
    REQUIRE(parse_number("w", "1", 1, 4096) == 1);
    REQUIRE(parse_number("w", "4096", 1, 4096) == 4096);
    REQUIRE(parse_number("ms", "0", 0, 60000) == 0);
}

TEST_CASE("anything else is refused with the name, the limits and what was given", "[serve]") {
    REQUIRE_THROWS_WITH(parse_number("w", std::nullopt, 1, 4096),
                        "w is missing: give w=N with N from 1 to 4096");
    for (const char* bad :
         {"", "-1", "+5", " 5", "5 ", "0x10", "1e3", "3.5", "4097", "99999999999999999999"})
        REQUIRE_THROWS_WITH(parse_number("w", bad, 1, 4096),
                            Contains("w must be a whole number from 1 to 4096") && Contains(bad));
}

TEST_CASE("text from outside is cut and cleaned before it is shown", "[serve]") {
    REQUIRE(quoted("plain") == "'plain'");
    REQUIRE(quoted("a\r\nb\x80") == "'a??b?'");
    REQUIRE(quoted(std::string(100, 'x')) == "'" + std::string(40, 'x') + "...'");
}
