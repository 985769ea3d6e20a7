// SPDX-License-Identifier: Apache-2.0
#include "unit/net/net_support.hpp"

using namespace std::chrono_literals;
using weft::net::udp_socket;
using weft::net::unix_listener;
using weft::net::unix_stream;
using weft::testing::error_of;
using weft::testing::over_workers;

TEST_CASE("udp: datagrams come whole, with who sent them", "[net]") {
    over_workers([] {
        auto server = udp_socket::bind("127.0.0.1", 0);
        auto answers = weft::create_task([&] {
            char buffer[16];
            for (int i = 0; i < 3; ++i) {
                const auto got = server.receive_from(buffer);
                server.send_to(std::span(buffer, got.size), got.from);
            }
        });
        auto client = udp_socket::connect("localhost", server.port());
        char buffer[16];
        for (const char* text : {"one", "", "three"}) {
            client.send(text);
            const std::size_t n = client.receive(buffer);
            CHECK(std::string_view(buffer, n) == text);
        }
        weft::await(answers);
        auto other = udp_socket::bind("127.0.0.1", 0);
        other.send_to("longer than the buffer", server.local_address());
        const auto got = server.receive_from(buffer);
        CHECK(got.truncated);
        CHECK(got.size == sizeof buffer);
        CHECK(got.from == other.local_address());
    });
}

TEST_CASE("udp: limits, close, and a peer that is not there", "[net]") {
    over_workers([] {
        auto s = udp_socket::bind("127.0.0.1", 0);
        char buffer[16];
        CHECK_THROWS_AS(s.receive_from(buffer, 2ms), weft::timeout_error);
        auto waiting = weft::create_task([&] { return error_of([&] { s.receive_from(buffer); }); });
        weft::yield();
        const std::uint16_t port = s.port();
        s.close();
        const std::error_code e = weft::await(waiting);
        CHECK((e == std::errc::operation_canceled || e == std::errc::bad_file_descriptor));
        auto lonely = udp_socket::connect("127.0.0.1", port);
        lonely.send("anybody?");
        CHECK(error_of([&] { lonely.receive(buffer); }) == std::errc::connection_refused);
        CHECK(error_of([] { udp_socket::bind("no address", 0); }) ==
              std::errc::address_not_available);
        CHECK(error_of([] {
                  char c[1];
                  udp_socket().receive_from(c);
              }) == std::errc::bad_file_descriptor);
    });
}

TEST_CASE("STR-16: every byte of 100 MB through a pair of sockets arrives in order", "[net]") {
    over_workers([] {
        const auto size = static_cast<std::size_t>(weft::testing::many(100'000'000));
        auto [a, b] = unix_stream::pair();
        const auto next = [](std::uint32_t& state) { // the same on both sides
            state = state * 1664525 + 1013904223;
            return static_cast<char>(state >> 24);
        };
        auto writer = weft::create_task([&a = a, size, next] {
            std::uint32_t state = 1;
            std::string piece;
            for (std::size_t sent = 0; sent < size; sent += piece.size()) {
                piece.resize(std::min<std::size_t>(size - sent, 1 + state % 300'000));
                for (char& c : piece) c = next(state);
                a.write_all(piece);
            }
            a.shutdown_write();
        });
        std::uint32_t state = 1;
        std::size_t received = 0, wrong = 0;
        std::vector<char> buffer(100'000);
        while (const std::size_t n = b.read_some(buffer)) {
            for (std::size_t i = 0; i < n; ++i) wrong += buffer[i] != next(state);
            received += n;
        }
        weft::await(writer);
        CHECK(received == size);
        CHECK(wrong == 0);
    });
}

TEST_CASE("unix: a listener whose queue is full makes connect wait, and its limit pass", "[net]") {
    over_workers([] {
        const std::string name = std::string(1, '\0') + "weft-test-" + std::to_string(getpid());
        auto l = unix_listener::bind(name, 0);
        auto first = unix_stream::connect(name);
        CHECK_THROWS_AS(unix_stream::connect(name, {.timeout = 5ms}), weft::timeout_error);
        auto second = weft::create_task([&] { return unix_stream::connect(name).is_open(); });
        weft::yield();
        auto accepted = l.accept();
        CHECK(weft::await(second));
        first.write_all("hello");
        char buffer[5];
        CHECK(accepted.read_some(buffer) == 5);
        CHECK_THROWS_AS((l.accept(), l.accept(1ms)), weft::timeout_error);
    });
}
