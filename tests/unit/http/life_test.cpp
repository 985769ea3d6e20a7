// SPDX-License-Identifier: Apache-2.0
// How a server begins and ends, and how it lives without room.
#include <atomic>
#include <thread>

#include "unit/http/http_support.hpp"

using namespace std::chrono_literals;
using weft::http::request;
using weft::http::response;
using weft::testing::leak_fixture;
using weft::testing::over_workers;
using weft::testing::raw_client;
using weft::testing::with_server;

TEST_CASE("http: stop lets the answer in the making complete, and closes idle connections at once",
          "[http]") {
    over_workers([] {
        weft::http::server web({.port = 0});
        weft::promise<void> entered, go;
        web.get("/slow", [&](const request&) {
            entered.set_value();
            weft::await(go.get_future());
            return response::text("done");
        });
        web.get("/plain", [](const request&) { return response(); });
        auto serving = weft::create_task([&] { web.serve(); });
        raw_client idle(web), silent(web), busy(web);
        CHECK(idle.get("/plain").status == 200);
        busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
        weft::await(entered.get_future());
        web.stop();
        CHECK(idle.at_end());
        CHECK(silent.at_end());
        CHECK_FALSE(serving.done());
        go.set_value();
        const auto a = busy.receive();
        CHECK((a.status == 200 && a.body == "done" && a.fields.at("connection") == "close"));
        weft::await(serving);
    });
}

TEST_CASE("http: what is not done at the deadline is cut, and serve returns after the handlers",
          "[http]") {
    over_workers([] {
        weft::http::server web({.port = 0, .shutdown_deadline = 10ms});
        weft::promise<void> entered;
        std::atomic<bool> left{false};
        web.get("/slow", [&](const request&) {
            struct leaving {
                std::atomic<bool>& flag;
                ~leaving() { flag = true; }
            } const guard{left};
            entered.set_value();
            weft::sleep_for(1h);
            return response();
        });
        auto serving = weft::create_task([&] { web.serve(); });
        raw_client c(web);
        c.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
        weft::await(entered.get_future());
        web.stop();
        weft::await(serving);
        CHECK(left);
        CHECK(c.receive().status == 0);
    });
}

TEST_CASE("http: a cancelled serve ends gracefully and then throws; a second cancel does not wait",
          "[http]") {
    over_workers([] {
        weft::http::server web({.port = 0, .shutdown_deadline = 1h});
        weft::promise<void> entered;
        web.get("/slow", [&](const request&) {
            entered.set_value();
            weft::sleep_for(1h);
            return response();
        });
        auto serving = weft::create_task([&] { web.serve(); });
        raw_client idle(web), busy(web);
        busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
        weft::await(entered.get_future());
        serving.cancel("enough");
        CHECK(idle.at_end());
        CHECK_FALSE(serving.done());
        serving.cancel("at once");
        CHECK_THROWS_AS(weft::await(serving), weft::cancelled_error);
        CHECK(busy.receive().status == 0);
    });
}

TEST_CASE("http: stop before serve makes it return at once, and the server can serve again",
          "[http]") {
    over_workers([] {
        weft::http::server web({.port = 0});
        weft::testing::add_test_routes(web);
        web.stop();
        web.serve();
        for (int i = 0; i < 2; ++i) {
            web.listen();
            auto serving = weft::create_task([&] { web.serve(); });
            raw_client c(web);
            CHECK(c.get("/plain").status == 200);
            std::thread([&] { web.stop(); }).join();
            weft::await(serving);
        }
        CHECK(web.stats().requests == 2);
    });
}

TEST_CASE("http: stop waits for nobody, from whatever thread, while connections come and go",
          "[http]") {
    for (int round = 0; round < 10; ++round)
        over_workers([] {
            weft::http::server web({.port = 0});
            weft::testing::add_test_routes(web);
            web.listen();
            auto serving = weft::create_task([&] { web.serve(); });
            std::vector<weft::task<int>> clients;
            for (int i = 0; i < 10; ++i)
                clients.push_back(weft::create_task([&] {
                    int answered = 0;
                    try {
                        raw_client c(web);
                        while (c.get("/plain").status == 200) ++answered;
                    } catch (const std::system_error&) {} // refused or reset: the server has ended
                    return answered;
                }));
            while (web.stats().requests < 20) weft::yield();
            web.stop();
            weft::await(serving);
            for (auto& c : clients) weft::await(c);
            CHECK(web.stats().open_connections == 0);
        });
}

TEST_CASE("http: a port that is taken is named when the server begins", "[http]") {
    with_server({}, [](weft::http::server& web) {
        weft::http::server second({.port = web.port()});
        try {
            second.serve();
            FAIL("both serve");
        } catch (const std::system_error& e) {
            CHECK(e.code() == std::errc::address_in_use);
            CHECK_THAT(e.what(), Catch::Contains("127.0.0.1:" + std::to_string(web.port())));
        }
    });
}

TEST_CASE("http: connections beyond the limit wait for a free place", "[http]") {
    with_server({.max_connections = 2}, [](weft::http::server& web) {
        auto a = std::make_unique<raw_client>(web), b = std::make_unique<raw_client>(web);
        CHECK(a->get("/plain").status == 200);
        CHECK(b->get("/plain").status == 200);
        raw_client c(web);
        c.send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(a->get("/plain").status == 200);
        CHECK(web.stats().connections == 2);
        a.reset();
        CHECK(c.receive().status == 200);
        CHECK(web.stats().open_connections == 2);
    });
}

TEST_CASE(
    "http: without descriptors connections are turned away, the others go on, and it recovers",
    "[http]") {
    if (weft::testing::needs_descriptors_itself()) return;
    with_server({}, [](weft::http::server& web) {
        raw_client old(web);
        CHECK(old.get("/plain").status == 200);
        // Made before the limit: to connect takes a descriptor, too.
        std::vector<weft::net::tcp_stream> newcomers;
        const auto address = *weft::net::address::parse("127.0.0.1", web.port());
        std::vector<int> sockets;
        for (int i = 0; i < 3; ++i)
            sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        {
            const weft::testing::no_descriptors_left full;
            for (const int fd : sockets)
                REQUIRE(::connect(fd, address.native(), address.native_size()) == 0);
            while (web.stats().shed < 3) weft::sleep_for(1ms);
            CHECK(old.get("/plain").status == 200);
        }
        for (const int fd : sockets) ::close(fd);
        raw_client fresh(web);
        CHECK(fresh.get("/plain").status == 200);
        CHECK(web.stats().shed == 3);
    });
}

TEST_CASE("http: a runtime that ends takes a serving server with it", "[http]") {
    leak_fixture nothing_leaks;
    weft::http::server web({.port = 0});
    weft::testing::add_test_routes(web);
    weft::run({.workers = 2}, [&] {
        static_cast<void>(weft::create_task([&] { web.serve(); }));
        raw_client c(web);
        CHECK(c.get("/plain").status == 200);
    });
    CHECK(web.stats().open_connections == 0);
}

TEST_CASE("http: many clients at once get their own answers, while handlers wait and block",
          "[http]") {
    over_workers([] {
        weft::http::server web({.port = 0});
        web.get("/wait/{ms}", [](const request& r) {
            const std::string id(r.param("ms"));
            weft::sleep_for(std::chrono::milliseconds(std::stoi(id) % 3));
            return response::text(id);
        });
        web.get("/block/{id}", [](const request& r) {
            return response::text(weft::await(
                weft::run_in_executor([id = std::string(r.param("id"))] { return id; })));
        });
        web.listen();
        auto serving = weft::create_task([&] { web.serve(); });
        std::vector<weft::task<int>> clients;
        for (int i = 0; i < 30; ++i)
            clients.push_back(weft::create_task([&web, i] {
                raw_client c(web);
                int right = 0;
                for (int j = 0; j < 10; ++j) {
                    const std::string id = std::to_string(i * 100 + j);
                    right += c.get((j % 2 == 0 ? "/wait/" : "/block/") + id).body == id;
                }
                return right;
            }));
        int right = 0;
        for (auto& c : clients) right += weft::await(c);
        CHECK(right == 300);
        web.stop();
        weft::await(serving);
    });
}
