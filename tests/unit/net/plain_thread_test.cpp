// SPDX-License-Identifier: Apache-2.0
// Sockets on plain threads, between runtimes, and without free descriptors.
#include <optional>
#include <thread>

#include "unit/net/net_support.hpp"

using namespace std::chrono_literals;
using weft::net::tcp_listener;
using weft::net::tcp_stream;
using weft::testing::error_of;
using weft::testing::leak_fixture;
using weft::testing::over_workers;
using weft::testing::read_all;
using weft::testing::read_exactly;
using weft::testing::stream_pair;

TEST_CASE_METHOD(leak_fixture, "tcp: on plain threads the same calls block", "[net]") {
    auto l = tcp_listener::bind("127.0.0.1", 0);
    std::string got;
    std::thread server([&] {
        auto s = l.accept();
        got = read_all(s);
        s.write_all("thanks");
    });
    auto s = tcp_stream::connect("127.0.0.1", l.port(), {.timeout = 10s});
    s.write_all(std::string(1'000'000, 'x'));
    s.shutdown_write();
    CHECK(read_all(s) == "thanks");
    server.join();
    CHECK(got == std::string(1'000'000, 'x'));
    CHECK_THROWS_AS(l.accept(2ms), weft::timeout_error);
}

TEST_CASE_METHOD(leak_fixture, "tcp: close ends the waits of plain threads, too", "[net]") {
    stream_pair p;
    auto l = tcp_listener::bind("127.0.0.1", 0);
    char buffer[8];
    std::error_code read_error, accept_error;
    std::thread reader([&] { read_error = error_of([&] { p.server.read_some(buffer); }); });
    std::thread acceptor([&] { accept_error = error_of([&] { l.accept(); }); });
    std::this_thread::sleep_for(2ms); // they wait now, most likely
    p.server.close();
    l.close();
    reader.join();
    acceptor.join();
    const auto ended = [](std::error_code e) {
        return e == std::errc::operation_canceled || e == std::errc::bad_file_descriptor;
    };
    CHECK(ended(read_error));
    CHECK(ended(accept_error));
}

TEST_CASE("tcp: a task and a plain thread talk to each other", "[net]") {
    over_workers([] {
        stream_pair p;
        std::thread other([&] {
            for (int i = 0; i < 100; ++i) p.client.write_all(read_exactly(p.client, 1));
        });
        int right = 0;
        for (int i = 0; i < 100; ++i) {
            p.server.write_all("x");
            right += read_exactly(p.server, 1) == "x";
        }
        other.join();
        CHECK(right == 100);
    });
}

TEST_CASE_METHOD(leak_fixture, "tcp: a connection outlives its runtime and goes on in another one",
                 "[net]") {
    stream_pair p;
    for (int i = 0; i < 3; ++i) {
        weft::run({.workers = 2}, [&] {
            auto echo = weft::create_task([&] { p.server.write_all(read_exactly(p.server, 2)); });
            p.client.write_all("hi");
            CHECK(read_exactly(p.client, 2) == "hi");
            weft::await(echo);
        });
        p.client.write_all("between");
        CHECK(read_exactly(p.server, 7) == "between");
    }
}

TEST_CASE("tcp: accept says that descriptors ran out, and goes on when there are some again",
          "[net]") {
    if (weft::testing::needs_descriptors_itself()) return;
    over_workers([] {
        auto l = tcp_listener::bind("127.0.0.1", 0);
        auto client = tcp_stream::connect("127.0.0.1", l.port());
        {
            const weft::testing::no_descriptors_left full;
            CHECK(error_of([&] { l.accept(); }) == std::errc::too_many_files_open);
            CHECK(error_of([&] { tcp_stream::connect("127.0.0.1", l.port()); }) ==
                  std::errc::too_many_files_open);
        }
        auto server = l.accept();
        client.write_all("x");
        CHECK(read_exactly(server, 1) == "x");
    });
}

TEST_CASE_METHOD(leak_fixture,
                 "SHT-07: sockets, futures and handles that outlive their runtime can be used, and "
                 "go with the next one",
                 "[net]") {
    std::optional<stream_pair> p;
    weft::promise<int> promise;
    weft::task<int> done, waits;
    std::vector<std::string> got;
    const auto one_byte_each_way = [&] {
        p->client.write_all(std::string("x"));
        got.push_back(read_exactly(p->server, 1));
    };
    weft::run({.workers = 2}, [&] {
        p.emplace();
        auto reader = weft::create_task([&] { return read_exactly(p->server, 1); });
        weft::yield(); // it waits in a reactor, perhaps
        p->client.write_all(std::string("r"));
        got.push_back(weft::await(reader));
        done = weft::create_task([] { return 1; });
        weft::await(done);
        waits = weft::create_task([f = promise.get_future()] { return f.await(); });
        weft::yield();
    });
    one_byte_each_way(); // on a plain thread
    weft::run({.workers = 1}, one_byte_each_way);
    CHECK(got == std::vector<std::string>{"r", "x", "x"});
    CHECK(waits.cancelled());
    CHECK(promise.set_value(2)); // nobody waits for it any more
    CHECK(done.result() == 1);
    CHECK_FALSE(done.cancel());
    int calls = 0;
    done.add_done_callback([&] { ++calls; });
    CHECK(calls == 1); // here: there is no loop
}

TEST_CASE("TMO-23: a limit ends a loop whose IO is always ready", "[net]") {
    over_workers([] {
        stream_pair p;
        long rounds = 0;
        CHECK_THROWS_AS(weft::wait_for(5ms,
                                       [&] {
                                           for (;; ++rounds) {
                                               p.client.write_all(std::string("x"));
                                               read_exactly(p.server, 1);
                                           }
                                       }),
                        weft::timeout_error);
        CHECK(rounds > 0);
    });
}
