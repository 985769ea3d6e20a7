// SPDX-License-Identifier: Apache-2.0
// What malformed, oversized, slow and vanishing clients meet, and that the server goes on after each.
#include <mutex>

#include "unit/http/http_support.hpp"

using namespace std::chrono_literals;
using weft::testing::raw_client;
using weft::testing::with_server;

TEST_CASE("http: malformed requests are answered with 400 and the end of the connection",
          "[http]") {
    const char* bad[] = {
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET /plain\r\n\r\n",
        "GET  /plain HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /plain HTTP/1.1\nHost: x\n\n",
        "GET /plain XTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /plain HTTP/1.1\r\n\r\n", // no Host
        "GET /plain HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        "GET /plain HTTP/1.1\r\nHost: x\r\nbad\x01: y\r\n\r\n",
        "GET plain HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3x\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
        "3\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    };
    with_server({}, [&](weft::http::server& web) {
        for (const char* text : bad) {
            CAPTURE(text);
            raw_client c(web);
            auto a = c.ask(text);
            CHECK(a.status == 400);
            CHECK(a.fields["connection"] == "close");
            c.stream.shutdown_write();
            CHECK(c.at_end());
        }
        raw_client c(web);
        CHECK(c.get("/plain").status == 200);
        CHECK(web.stats().by_class[4] == std::size(bad));
    });
}

TEST_CASE("http: other versions and other encodings are refused by their own statuses", "[http]") {
    with_server({}, [](weft::http::server& web) {
        CHECK(raw_client(web).ask("GET /plain HTTP/2.0\r\nHost: x\r\n\r\n").status == 505);
        CHECK(raw_client(web).ask("GET /plain HTTP/1.2\r\nHost: x\r\n\r\n").status == 505);
        CHECK(raw_client(web).ask("GET /plain HTTP/0.9\r\nHost: x\r\n\r\n").status == 505);
        CHECK(raw_client(web)
                  .ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n")
                  .status == 501);
    });
}

TEST_CASE("http: a header that is too large is answered with 431, in one piece or in many",
          "[http]") {
    with_server({.header_limit = 2000}, [](weft::http::server& web) {
        const std::string fits =
            "GET /plain HTTP/1.1\r\nHost: x\r\nfiller: " + std::string(1900, 'x') + "\r\n\r\n";
        const std::string field =
            "GET /plain HTTP/1.1\r\nHost: x\r\nfiller: " + std::string(5000, 'x') + "\r\n\r\n";
        const std::string target = "GET /" + std::string(5000, 'x');
        std::string fields = "GET /plain HTTP/1.1\r\nHost: x\r\n";
        for (int i = 0; i < 500; ++i) fields += "f" + std::to_string(i) + ": x\r\n";
        CHECK(raw_client(web).ask(fits).status == 200);
        for (const std::string& text : {field, target, fields}) {
            CHECK(raw_client(web).ask(text).status == 431);
            raw_client c(web);
            auto sender = weft::create_task([&] {
                try {
                    for (std::size_t at = 0; at < text.size(); at += 100) {
                        c.send(text.substr(at, 100));
                        weft::yield();
                    }
                } catch (const std::system_error&) {} // the server has had enough
            });
            CHECK(c.receive().status == 431);
            weft::await(sender);
        }
        CHECK(raw_client(web).get("/plain").status == 200);
    });
}

TEST_CASE("http: a body that is too large is answered with 413, announced or not", "[http]") {
    with_server({.body_limit = 1000}, [](weft::http::server& web) {
        const std::string head = "POST /echo HTTP/1.1\r\nHost: x\r\n";
        CHECK(raw_client(web)
                  .ask(head + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x'))
                  .status == 200);
        CHECK(raw_client(web)
                  .ask(head + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x'))
                  .status == 413);
        CHECK(raw_client(web).ask(head + "Content-Length: 100000000000\r\n\r\n").status == 413);
        CHECK(raw_client(web)
                  .ask(head + "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
                  .status == 413);
        const std::string chunk = "190\r\n" + std::string(400, 'x') + "\r\n";
        CHECK(raw_client(web)
                  .ask(head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk)
                  .status == 413);
        CHECK(raw_client(web)
                  .ask(head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n")
                  .status == 413);
    });
}

TEST_CASE("http: chunk extensions and trailers without end are cut off", "[http]") {
    with_server({}, [](weft::http::server& web) {
        const std::string head =
            "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        CHECK(raw_client(web).ask(head + "1;" + std::string(40'000, 'x')).status == 400);
        CHECK(raw_client(web).ask(head + "0\r\nt: " + std::string(40'000, 'x')).status == 400);
    });
}

TEST_CASE("http: a header or a body that does not come is answered with 408; an idle connection "
          "just ends",
          "[http]") {
    with_server(
        {.idle_timeout = 20ms, .header_timeout = 20ms, .body_timeout = 20ms},
        [](weft::http::server& web) {
            raw_client silent(web), slow(web), bodyless(web), chunkless(web), later(web);
            slow.send("GET /plain HTTP/1.1\r\nHo");
            bodyless.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
            chunkless.send(
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
            CHECK(later.get("/plain").status == 200);
            CHECK(slow.receive().status == 408);
            CHECK(bodyless.receive().status == 408);
            CHECK(chunkless.receive().status == 408);
            CHECK(silent.at_end());
            CHECK(later.at_end());
        });
}

TEST_CASE("http: a client that sends its header drop by drop does not win time by it", "[http]") {
    with_server({.header_timeout = 50ms, .body_timeout = 50ms}, [](weft::http::server& web) {
        raw_client c(web);
        auto drops = weft::create_task([&] {
            try {
                c.send("GET /plain HTTP/1.1\r\n");
                for (;;) {
                    c.send("x: y\r\n");
                    weft::sleep_for(5ms);
                }
            } catch (const std::system_error&) {} // closed
        });
        CHECK(c.receive().status == 408);
        weft::await(drops);
    });
}

TEST_CASE("http: a client that does not take its answer is given up", "[http]") {
    weft::testing::over_workers([] {
        weft::http::server web({.port = 0, .write_timeout = 30ms});
        web.get("/large", [](const weft::http::request&) {
            return weft::http::response::text(std::string(20'000'000, 'x'));
        });
        auto serving = weft::create_task([&] { web.serve(); });
        raw_client c(web);
        c.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        while (web.stats().requests == 0) weft::sleep_for(1ms);
        while (web.stats().open_connections > 0) weft::sleep_for(1ms);
        CHECK(c.receive().status == 0); // cut short
        web.stop();
        weft::await(serving);
    });
}

TEST_CASE("http: what a handler throws is an answer, is reported once, and shows no secrets",
          "[http]") {
    std::mutex m;
    std::vector<std::string> reports;
    weft::http::server_options o;
    o.on_error = [&](const weft::http::request& r, std::exception_ptr e) {
        const std::lock_guard guard(m);
        reports.push_back(std::string(r.path()) + " " + weft::describe(e));
    };
    with_server(o, [&](weft::http::server& web) {
        reports.clear();
        raw_client c(web);
        const auto a = c.get("/throw");
        CHECK(a.status == 500);
        CHECK_THAT(a.body, !Catch::Contains("secret"));
        CHECK(c.get("/throw_int").status == 500);
        const auto teapot = c.get("/error");
        CHECK((teapot.status == 418 && teapot.body == "a teapot\n"));
        CHECK(c.get("/plain").status == 200); // the same connection
        const std::lock_guard guard(m);
        REQUIRE(reports.size() == 2);
        CHECK_THAT(reports[0], Catch::Contains("/throw ") && Catch::Contains("secret"));
    });
    o.debug = true;
    with_server(o, [&](weft::http::server& web) {
        CHECK_THAT(raw_client(web).get("/throw").body, Catch::Contains("secret"));
    });
}

TEST_CASE("http: without on_error the runtime's handler is told of a handler's exception",
          "[http]") {
    weft::testing::leak_fixture nothing_leaks;
    std::mutex m;
    std::vector<std::string> reports;
    const auto handler = [&](const weft::exception_context& c) {
        const std::lock_guard guard(m);
        reports.push_back(c.message + ": " + weft::describe(c.exception));
    };
    weft::run({.workers = 2, .exception_handler = handler}, [&] {
        weft::http::server web({.port = 0});
        weft::testing::add_test_routes(web);
        auto serving = weft::create_task([&] { web.serve(); });
        CHECK(raw_client(web).get("/throw").status == 500);
        web.stop();
        weft::await(serving);
    });
    REQUIRE(reports.size() == 1);
    CHECK_THAT(reports[0], Catch::Contains("GET /throw") && Catch::Contains("secret"));
}

TEST_CASE("http: a client that resets in the middle of a request ends only its connection",
          "[http]") {
    with_server({}, [](weft::http::server& web) {
        raw_client bystander(web);
        for (const char* begun :
             {"", "GET /pl", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
              "GET /plain HTTP/1.1\r\nHost: x\r\n\r\nGET /pl"}) {
            raw_client c(web);
            c.send(begun);
            weft::testing::reset_at_close(c.stream);
            c.stream.close();
            CHECK(bystander.get("/plain").status == 200);
        }
        while (web.stats().open_connections > 1) weft::sleep_for(1ms);
    });
}
