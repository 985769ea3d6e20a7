// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <numeric>

#include "unit/net/net_support.hpp"

using namespace std::chrono_literals;
using weft::net::tcp_listener;
using weft::net::tcp_stream;
using weft::testing::error_of;
using weft::testing::over_workers;
using weft::testing::read_all;
using weft::testing::read_exactly;
using weft::testing::stream_pair;

namespace {

std::string pattern(std::size_t size) {
    std::string s(size, '\0');
    for (std::size_t i = 0; i < size; ++i) s[i] = static_cast<char>(i * 2654435761U >> 13);
    return s;
}

void echo(tcp_stream s) {
    char buffer[1024];
    while (const std::size_t n = s.read_some(buffer)) s.write_all(std::span(buffer, n));
}

} // namespace

TEST_CASE("tcp: many connections echo many messages", "[net]") {
    over_workers([] {
        constexpr int k_connections = 50, k_messages = 20;
        auto l = tcp_listener::bind("127.0.0.1", 0);
        auto server = weft::create_task([&] {
            std::vector<weft::task<void>> echoes;
            for (int i = 0; i < k_connections; ++i)
                echoes.push_back(
                    weft::create_task([s = l.accept()]() mutable { echo(std::move(s)); }));
            for (auto& t : echoes) weft::await(t);
        });
        std::vector<weft::task<int>> clients;
        for (int i = 0; i < k_connections; ++i)
            clients.push_back(weft::create_task([&l, i] {
                auto s = tcp_stream::connect("localhost", l.port());
                int right = 0;
                for (int j = 0; j < k_messages; ++j) {
                    const std::string text = std::to_string(i) + "/" + std::to_string(j);
                    s.write_all(text);
                    right += read_exactly(s, text.size()) == text;
                }
                return right;
            }));
        int right = 0;
        for (auto& c : clients) right += weft::await(c);
        weft::await(server);
        CHECK(right == k_connections * k_messages);
    });
}

TEST_CASE("tcp: megabytes go both ways at once, through buffers that are far too small", "[net]") {
    over_workers([] {
        stream_pair p;
        const int small = 32 * 1024;
        setsockopt(p.client.native_handle(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        const std::string there = pattern(600'000), back = pattern(8'000'000);
        auto sender = weft::create_task([&] {
            p.client.write_all(there);
            p.client.shutdown_write();
        });
        auto answerer = weft::create_task([&] {
            p.server.write_all(back);
            p.server.shutdown_write();
        });
        auto receiver = weft::create_task([&] { return read_all(p.server); });
        CHECK(read_all(p.client) == back);
        CHECK(weft::await(std::move(receiver)) == there);
        weft::await(sender);
        weft::await(answerer);
    });
}

TEST_CASE("tcp: read_some gives 0 at the end, again and again, and for an empty buffer at once",
          "[net]") {
    over_workers([] {
        stream_pair p;
        char buffer[8];
        CHECK(p.server.read_some(std::span(buffer, 0)) == 0);
        CHECK(p.server.write_some(std::span(buffer, 0)) == 0);
        p.client.write_all("bye");
        p.client.shutdown_write();
        CHECK(read_all(p.server) == "bye");
        CHECK(p.server.read_some(buffer) == 0);
        p.server.write_all("still there");
        p.server.close();
        CHECK(read_all(p.client) == "still there");
    });
}

TEST_CASE("tcp: buffers are of char, std::byte or unsigned char, a C string goes without its zero",
          "[net]") {
    over_workers([] {
        stream_pair p;
        const std::array<std::byte, 2> bytes{std::byte{'a'}, std::byte{'b'}};
        const std::vector<unsigned char> chars{'c', 'd'};
        p.client.write_all(bytes);
        p.client.write_all(chars);
        p.client.write_all("ef");
        p.client.write_all(std::string("gh"));
        std::array<std::byte, 8> in{};
        std::size_t have = 0;
        while (have < in.size()) have += p.server.read_some(std::span(in).subspan(have));
        std::string text;
        for (const std::byte b : in) text += static_cast<char>(b);
        CHECK(text == "abcdefgh");
    });
}

TEST_CASE("tcp: both ends of a connection have TCP_NODELAY unless told otherwise", "[net]") {
    over_workers([] {
        const auto has_no_delay = [](const tcp_stream& s) {
            int on = 0;
            socklen_t size = sizeof on;
            getsockopt(s.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, &size);
            return on != 0;
        };
        stream_pair p;
        CHECK(has_no_delay(p.client));
        CHECK(has_no_delay(p.server));
        p.client.set_no_delay(false);
        CHECK_FALSE(has_no_delay(p.client));
        auto l = tcp_listener::bind("127.0.0.1", 0);
        CHECK_FALSE(has_no_delay(tcp_stream::connect("127.0.0.1", l.port(), {.no_delay = false})));
    });
}

TEST_CASE("tcp: IPv6 works as IPv4 does, and both ends know their addresses", "[net]") {
    over_workers([] {
        auto l = tcp_listener::bind("::1", 0);
        auto client = tcp_stream::connect("::1", l.port());
        auto server = l.accept();
        CHECK(client.peer_address() == l.local_address());
        CHECK(server.peer_address() == client.local_address());
        client.write_all("six");
        CHECK(read_exactly(server, 3) == "six");
    });
}

TEST_CASE("tcp: a connection to nobody is refused, to an unknown host it fails", "[net]") {
    over_workers([] {
        auto l = tcp_listener::bind("127.0.0.1", 0);
        const std::uint16_t port = l.port();
        l.close();
        CHECK(error_of([&] { tcp_stream::connect("127.0.0.1", port); }) ==
              std::errc::connection_refused);
        CHECK(error_of([&] { tcp_stream::connect("localhost", port); }) ==
              std::errc::connection_refused);
        CHECK_THROWS_AS(tcp_stream::connect("no such host.invalid", 1), std::system_error);
    });
}

TEST_CASE("tcp: a port that is taken is named with its host", "[net]") {
    over_workers([] {
        auto l = tcp_listener::bind("127.0.0.1", 0);
        try {
            tcp_listener::bind("127.0.0.1", l.port());
            FAIL("bound twice");
        } catch (const std::system_error& e) {
            CHECK(e.code() == std::errc::address_in_use);
            CHECK_THAT(e.what(), Catch::Contains("127.0.0.1:" + std::to_string(l.port())));
        }
        auto a = tcp_listener::bind("127.0.0.1", 0, {.reuse_port = true});
        auto b = tcp_listener::bind("127.0.0.1", a.port(), {.reuse_port = true});
        CHECK(a.port() == b.port());
        CHECK(error_of([] { tcp_listener::bind("not an address", 0); }) ==
              std::errc::address_not_available);
    });
}

TEST_CASE("tcp: what is closed or was never open says so, and may be closed again", "[net]") {
    over_workers([] {
        tcp_stream none;
        tcp_listener no_listener;
        char buffer[8];
        CHECK(error_of([&] { none.read_some(buffer); }) == std::errc::bad_file_descriptor);
        CHECK(error_of([&] { none.write_all("x"); }) == std::errc::bad_file_descriptor);
        CHECK(error_of([&] { no_listener.accept(); }) == std::errc::bad_file_descriptor);
        none.close();
        stream_pair p;
        p.client.close();
        p.client.close();
        CHECK_FALSE(p.client.is_open());
        CHECK(p.client.native_handle() == -1);
        CHECK(error_of([&] { p.client.read_some(buffer); }) == std::errc::bad_file_descriptor);
        CHECK(error_of([&] { p.client.shutdown_write(); }) == std::errc::bad_file_descriptor);
        CHECK(error_of([&] { p.client.set_no_delay(true); }) == std::errc::bad_file_descriptor);
        p.server = std::move(p.client);
        CHECK_FALSE(p.server.is_open());
    });
}

TEST_CASE("tcp: a dead peer is an error of read and write, never a signal", "[net]") {
    over_workers([] {
        stream_pair p;
        weft::testing::reset_at_close(p.client);
        p.client.close();
        char buffer[8];
        CHECK(error_of([&] { p.server.read_some(buffer); }) == std::errc::connection_reset);
        CHECK(error_of([&] {
                  for (;;) p.server.write_all("x");
              }) == std::errc::broken_pipe);
        stream_pair q; // the reader waits already
        auto reader =
            weft::create_task([&] { return error_of([&] { q.server.read_some(buffer); }); });
        weft::yield();
        weft::testing::reset_at_close(q.client);
        q.client.close();
        CHECK(weft::await(reader) == std::errc::connection_reset);
    });
}
