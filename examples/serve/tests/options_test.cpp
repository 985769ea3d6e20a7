// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <catch2/catch.hpp>

#include <initializer_list>
#include <vector>

using namespace serve;
using namespace std::chrono_literals;

namespace {

std::variant<options, int> parse(std::initializer_list<const char*> arguments) {
    std::vector<const char*> argv{"weft-serve"};
    argv.insert(argv.end(), arguments);
    return parse_options(static_cast<int>(argv.size()), argv.data());
}

options good(std::initializer_list<const char*> arguments) {
    const auto parsed = parse(arguments);
    REQUIRE(std::holds_alternative<options>(parsed));
    return std::get<options>(parsed);
}

} // namespace

TEST_CASE("without options the server is local, on all cores", "[serve]") {
    const options o = good({});
    REQUIRE(o.host == "127.0.0.1");
    REQUIRE(o.port == 8080);
    REQUIRE(o.workers == 0);
    REQUIRE(!o.single_threaded);
    REQUIRE(o.photos.empty());
    REQUIRE(o.idle_timeout == 60s);
    REQUIRE(o.shutdown_deadline == 10s);
}

TEST_CASE("options are taken as given", "[serve]") {
    const options o = good({"--host", "0.0.0.0", "--port", "0", "--workers", "3", "--photos", "/",
                            "--max-connections", "7", "--idle-timeout", "0.25",
                            "--shutdown-deadline", "0", "--blocking-threads", "2"});
    REQUIRE(o.host == "0.0.0.0");
    REQUIRE(o.port == 0);
    REQUIRE(o.workers == 3);
    REQUIRE(o.photos == "/");
    REQUIRE(o.max_connections == 7);
    REQUIRE(o.idle_timeout == 250ms);
    REQUIRE(o.shutdown_deadline == 0ms);
    REQUIRE(o.blocking_threads == 2);
    REQUIRE(o.block == call_style::plain);
    REQUIRE(o.compute == call_style::plain);
    REQUIRE(good({"--block", "announced"}).block == call_style::announced);
    REQUIRE(good({"--compute", "pool"}).compute == call_style::pool);
    REQUIRE(good({"--block", "pool", "--max-spares", "9"}).max_spares == 9);
    REQUIRE(good({"--single-threaded"}).single_threaded);
}

TEST_CASE("what makes no sense is refused with exit status 2", "[serve]") {
    const auto status = [](std::initializer_list<const char*> arguments) {
        const auto parsed = parse(arguments);
        const int* found = std::get_if<int>(&parsed);
        return found != nullptr ? *found : -1;
    };
    REQUIRE(status({"--workers", "-1"}) == 2);
    REQUIRE(status({"--block", "somehow"}) == 2);
    REQUIRE(status({"--compute", "offload"}) == 2);
    REQUIRE(status({"--max-spares", "-1"}) == 2);
    REQUIRE(status({"--workers", "1000000"}) == 2);
    REQUIRE(status({"--workers", "2", "--single-threaded"}) == 2);
    REQUIRE(status({"--port", "70000"}) == 2);
    REQUIRE(status({"--port", "http"}) == 2);
    REQUIRE(status({"--port"}) == 2);
    REQUIRE(status({"--photos", "/no/such/folder"}) == 2);
    REQUIRE(status({"--photos", "/etc/passwd"}) == 2);
    REQUIRE(status({"--max-connections", "0"}) == 2);
    REQUIRE(status({"--idle-timeout", "-3"}) == 2);
    REQUIRE(status({"--idle-timeout", "nan"}) == 2);
    REQUIRE(status({"--shutdown-deadline", "1e9"}) == 2);
    REQUIRE(status({"--no-such-option"}) == 2);
    REQUIRE(status({"left over"}) == 2);
}
