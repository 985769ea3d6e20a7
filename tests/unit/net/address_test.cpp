// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <weft/net/address.hpp>

using weft::net::address;

TEST_CASE("address: numeric hosts of both kinds are parsed and shown as they are written",
          "[net]") {
    const auto v4 = address::parse("127.0.0.1", 80);
    REQUIRE(v4);
    CHECK((v4->is_v4() && !v4->is_v6() && v4->port() == 80));
    CHECK(v4->to_string() == "127.0.0.1:80");
    const auto v6 = address::parse("::1", 8080);
    REQUIRE(v6);
    CHECK((v6->is_v6() && !v6->is_v4() && v6->port() == 8080));
    CHECK(v6->to_string() == "[::1]:8080");
    CHECK(address::parse("[::1]", 8080) == v6);
    CHECK(address::parse("", 1)->to_string() == "0.0.0.0:1");
    CHECK(address::parse("fe80::1%lo", 1)->is_v6());
    CHECK(*address::parse("127.0.0.1", 81) != *v4);
}

TEST_CASE("address: what is no numeric address is none", "[net]") {
    for (const char* text : {"localhost", "127.0.0", "1.2.3.4.5", "256.0.0.1", ":::", "[::1",
                             "fe80::1%nosuchinterface", " 1.2.3.4"}) {
        CAPTURE(text);
        CHECK_FALSE(address::parse(text, 1));
    }
    const address none;
    CHECK((none.empty() && none.port() == 0 && none.host().empty() && none.to_string().empty()));
}

TEST_CASE(
    "address: localhost has an address of each kind, on any thread and without asking anybody",
    "[net]") {
    const auto all = weft::net::resolve("localhost", 7);
    REQUIRE(all.size() == 2);
    CHECK(all[0].to_string() == "127.0.0.1:7");
    CHECK(all[1].to_string() == "[::1]:7");
    CHECK(weft::net::resolve("::1", 7).size() == 1);
}
