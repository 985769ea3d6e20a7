// SPDX-License-Identifier: Apache-2.0
// What well-formed requests are answered.
#include "unit/http/http_support.hpp"

using namespace std::chrono_literals;
using weft::http::request;
using weft::http::response;
using weft::testing::over_workers;
using weft::testing::raw_client;
using weft::testing::with_server;

TEST_CASE("http: a connection is kept for many requests", "[http]") {
    with_server({}, [](weft::http::server& web) {
        raw_client c(web);
        for (int i = 0; i < 50; ++i) {
            const auto a = c.get("/plain");
            REQUIRE(a.status == 200);
            CHECK(a.body == "Hello, World!");
            CHECK(a.fields.at("content-type") == "text/plain; charset=utf-8");
            CHECK(a.fields.at("date").size() == 29);
            CHECK(a.fields.count("connection") == 0);
        }
        const auto s = web.stats();
        CHECK((s.connections == 1 && s.open_connections == 1 && s.requests == 50 &&
               s.by_class[2] == 50));
    });
}

TEST_CASE("http: pipelined requests are answered in order, whatever pieces they come in",
          "[http]") {
    with_server({}, [](weft::http::server& web) {
        std::string requests;
        for (int i = 0; i < 40; ++i)
            requests += "GET /users/" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
        for (const std::size_t piece : {requests.size(), std::size_t{1000}, std::size_t{7}}) {
            raw_client c(web);
            auto sender = weft::create_task([&] {
                for (std::size_t at = 0; at < requests.size(); at += piece)
                    c.send(requests.substr(at, piece));
            });
            for (int i = 0; i < 40; ++i) CHECK(c.receive().body == std::to_string(i));
            weft::await(sender);
        }
    });
}

TEST_CASE("http: an answer does not wait for a slow handler of a later request", "[http]") {
    over_workers([] {
        weft::http::server web({.port = 0});
        weft::promise<void> go;
        std::atomic<int> calls{0};
        web.get("/plain", [](const request&) { return response::text("quick"); });
        web.get("/slow", [&](const request&) {
            if (++calls == 1)
                weft::sleep_for(1ms); // long enough to be known as slow
            else
                weft::await(go.get_future());
            return response::text("slow");
        });
        auto serving = weft::create_task([&] { web.serve(); });
        raw_client c(web);
        CHECK(c.get("/slow").body == "slow");
        c.send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(c.receive().body == "quick");
        go.set_value();
        CHECK(c.receive().body == "slow");
        web.stop();
        weft::await(serving);
    });
}

TEST_CASE("http: a request that comes byte by byte is understood", "[http]") {
    with_server({}, [](weft::http::server& web) {
        raw_client c(web);
        for (const char byte :
             std::string("\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3;extension=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"))
            c.send({&byte, 1});
        CHECK(c.receive().body == "abcde");
        for (const char byte :
             std::string("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz"))
            c.send({&byte, 1});
        const auto a = c.receive();
        CHECK((a.status == 201 && a.body == "xyz"));
    });
}

TEST_CASE("http: literal segments of a route win over names; names are decoded", "[http]") {
    with_server({}, [](weft::http::server& web) {
        raw_client c(web);
        CHECK(c.get("/users/me").body == "it is you");
        CHECK(c.get("/users/you").body == "you");
        CHECK(c.get("/users/a%20b%2b").body == "a b+");
        CHECK(c.get("/users/7?x=1").body == "7");
        CHECK(c.get("http://x.y:80/users/7").body == "7");
        CHECK(c.get("/pl%61in").body == "Hello, World!");
        for (const char* nowhere :
             {"/users", "/users/", "/users/1/2", "/", "/Plain", "/plain/", "//plain"}) {
            CAPTURE(nowhere);
            CHECK(c.get(nowhere).status == 404);
        }
    });
}

TEST_CASE("http: query parameters are decoded, the first of a name counts", "[http]") {
    with_server({}, [](weft::http::server& web) {
        raw_client c(web);
        CHECK(c.get("/query?a=1&a=2").body == "[1]");
        CHECK(c.get("/query?b=1&a=x+y%26z&a").body == "[x y&z]");
        CHECK(c.get("/query?a").body == "[]");
        CHECK(c.get("/query?a=").body == "[]");
        CHECK(c.get("/query?%61=%C3%A9").body == "[\xc3\xa9]");
        CHECK(c.get("/query?a=%zz+").body == "[%zz+]");
        CHECK(c.get("/query?aa=1&&=2").body == "none");
        CHECK(c.get("/query").body == "none");
    });
}

TEST_CASE("http: HEAD is answered from GET without the body, a wrong method with what is allowed",
          "[http]") {
    with_server({}, [](weft::http::server& web) {
        raw_client c(web);
        c.send("HEAD /plain HTTP/1.1\r\nHost: x\r\n\r\n");
        const auto head = c.receive(true);
        CHECK((head.status == 200 && head.fields.at("content-length") == "13"));
        const auto wrong = c.ask("DELETE /plain HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK((wrong.status == 405 && wrong.fields.at("allow") == "GET, HEAD"));
        CHECK(c.get("/echo").fields.at("allow") == "POST, PUT");
        CHECK(c.ask("FROBNICATE /plain HTTP/1.1\r\nHost: x\r\n\r\n").status == 405);
        CHECK(c.ask("FROBNICATE /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").status == 404);
    });
}

TEST_CASE("http: bodies come whole, by length or in chunks", "[http]") {
    with_server({}, [](weft::http::server& web) {
        raw_client c(web);
        std::string large(3'000'000, '\0');
        for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 >> 5);
        auto sender = weft::create_task([&] {
            c.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                   std::to_string(large.size()) + "\r\n\r\n" + large);
        });
        CHECK(c.receive().body == large);
        weft::await(sender);
        sender = weft::create_task([&] {
            std::string text =
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
            for (std::size_t at = 0; at < large.size(); at += 100'000)
                text += "186a0\r\n" + large.substr(at, 100'000) + "\r\n";
            c.send(text + "0\r\n\r\n");
        });
        CHECK(c.receive().body == large);
        weft::await(sender);
        CHECK(c.ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").body.empty());
        CHECK(c.get("/plain").status == 200);
    });
}

TEST_CASE("http: who expects 100-continue is told to go on", "[http]") {
    with_server({}, [](weft::http::server& web) {
        raw_client c(web);
        c.send(
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
        CHECK(c.receive().status == 100);
        c.send("abc");
        CHECK(c.receive().body == "abc");
        CHECK(
            c.ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: wonders\r\n\r\n")
                .status == 417);
        CHECK(c.at_end());
    });
}

TEST_CASE("http: the connection ends when the client says so, and after HTTP/1.0 unless it says "
          "otherwise",
          "[http]") {
    with_server({}, [](weft::http::server& web) {
        raw_client a(web), b(web), c(web);
        const auto closing = a.ask("GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        CHECK(closing.fields.at("connection") == "close");
        CHECK(a.at_end());
        CHECK(b.ask("GET /plain HTTP/1.0\r\n\r\n").fields.at("connection") == "close");
        CHECK(b.at_end());
        for (int i = 0; i < 3; ++i)
            CHECK(c.ask("GET /plain HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                      .fields.at("connection") == "keep-alive");
    });
}

TEST_CASE("http: a large answer arrives whole, and the connection goes on", "[http]") {
    over_workers([] {
        weft::http::server web({.port = 0});
        const std::string large(5'000'000, 'z');
        web.get("/large", [&](const request&) { return response::text(large); });
        auto serving = weft::create_task([&] { web.serve(); });
        raw_client c(web);
        for (int i = 0; i < 2; ++i) CHECK(c.get("/large").body == large);
        web.stop();
        weft::await(serving);
    });
}

TEST_CASE("http: a response says what it was told, and refuses what would break the header",
          "[http]") {
    over_workers([] {
        struct json_value {
            [[nodiscard]] std::string dump() const { return "{}"; }
        };
        weft::http::server web({.port = 0});
        web.get("/made", [](const request& r) {
            CHECK(r.header("X-TEST") == "1");
            CHECK_FALSE(r.header("missing"));
            CHECK_THROWS_AS(r.param("none"), std::out_of_range);
            CHECK(r.headers().size() == 2);
            CHECK(r.peer().host() == "127.0.0.1");
            response a = response::json(json_value{})
                             .set_header("x-a", "1")
                             .set_header("X-A", "2")
                             .add_header("x-b", "3");
            CHECK_THROWS_AS(a.set_header("x", "a\r\nb"), std::invalid_argument);
            CHECK_THROWS_AS(a.set_header("x y", "a"), std::invalid_argument);
            CHECK_THROWS_AS(a.set_header("Content-Length", "1"), std::invalid_argument);
            CHECK_THROWS_AS(response(100), std::invalid_argument);
            a.set_status(203);
            return a;
        });
        web.get("/nothing", [](const request&) { return response(204); });
        auto serving = weft::create_task([&] { web.serve(); });
        raw_client c(web);
        const auto a = c.ask("GET /made HTTP/1.1\r\nHost: x\r\nx-test: 1\r\n\r\n");
        CHECK((a.status == 203 && a.body == "{}" &&
               a.fields.at("content-type") == "application/json"));
        CHECK(
            (a.fields.count("x-a") == 0 && a.fields.at("X-A") == "2" && a.fields.at("x-b") == "3"));
        const auto nothing = c.get("/nothing");
        CHECK((nothing.status == 204 && nothing.fields.count("content-length") == 0));
        web.stop();
        weft::await(serving);
    });
}

TEST_CASE("http: malformed routes and late ones are refused", "[http]") {
    with_server({}, [](weft::http::server& running) {
        const auto h = [](const request&) { return response(); };
        weft::http::server web({.port = 0});
        for (const char* bad : {"", "plain", "/a{b}", "/{a}/{a}", "/{}", "/a}"}) {
            CAPTURE(bad);
            CHECK_THROWS_AS(web.get(bad, h), std::invalid_argument);
        }
        web.get("/{a}", h);
        CHECK_THROWS_AS(web.get("/{a}", h), std::invalid_argument);
        web.post("/{a}", h);
        raw_client c(running);
        CHECK(c.get("/plain").status == 200); // it serves
        CHECK_THROWS_AS(running.get("/late", h), std::logic_error);
        CHECK_THROWS_AS(running.serve(), std::logic_error);
    });
}
