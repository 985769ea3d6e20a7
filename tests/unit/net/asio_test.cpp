// SPDX-License-Identifier: Apache-2.0
// Libraries that are written for Boost.Asio's streams run on ours: Boost.Beast.
#define BOOST_ERROR_CODE_HEADER_ONLY
#define BOOST_BEAST_USE_STD_STRING_VIEW
#include "unit/net/net_support.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using weft::net::tcp_stream;
using weft::net::unix_stream;
using weft::testing::over_workers;
using weft::testing::stream_pair;

static_assert(beast::is_sync_stream<tcp_stream>::value);
static_assert(beast::is_sync_stream<unix_stream>::value);

TEST_CASE("asio: Boost.Beast reads and writes HTTP on a stream, in tasks", "[net]") {
    over_workers([] {
        stream_pair p;
        auto server = weft::create_task([&] {
            beast::flat_buffer buffer;
            for (;;) {
                bhttp::request<bhttp::string_body> request;
                beast::error_code error;
                bhttp::read(p.server, buffer, request, error);
                if (error) return error;
                bhttp::response<bhttp::string_body> response(bhttp::status::ok, 11);
                response.body() = std::string(request.target()) + " " + request.body();
                response.prepare_payload();
                bhttp::write(p.server, response);
            }
        });
        beast::flat_buffer buffer;
        const std::string large(300'000, 'x');
        for (const std::string& body : {std::string("one"), large}) {
            bhttp::request<bhttp::string_body> request(bhttp::verb::post, "/echo", 11);
            request.set(bhttp::field::host, "here");
            request.body() = body;
            request.prepare_payload();
            bhttp::write(p.client, request);
            bhttp::response<bhttp::string_body> response;
            bhttp::read(p.client, buffer, response);
            CHECK(response.body() == "/echo " + body);
        }
        p.client.shutdown_write();
        CHECK(weft::await(server) == bhttp::error::end_of_stream);
    });
}

TEST_CASE("asio: read, read_until and write of sequences of buffers; the end is asio's eof",
          "[net]") {
    over_workers([] {
        stream_pair p;
        const std::array<asio::const_buffer, 3> pieces{asio::buffer("ab", 2), asio::const_buffer(),
                                                       asio::buffer("cd\nef", 5)};
        CHECK(asio::write(p.client, pieces) == 7);
        std::string line;
        CHECK(asio::read_until(p.server, asio::dynamic_buffer(line), '\n') == 5);
        CHECK(line.substr(0, 5) == "abcd\n");
        p.client.shutdown_write();
        boost::system::error_code error;
        char rest[16];
        CHECK(asio::read(p.server, asio::buffer(rest), error) == 0);
        CHECK(error == asio::error::eof);
        CHECK(p.server.read_some(asio::buffer(rest, 0), error) == 0);
        CHECK(!error);
        CHECK_THROWS_AS(p.server.read_some(asio::buffer(rest)), weft::incomplete_read_error);
        p.server.close();
        p.server.write_some(asio::buffer("x", 1), error);
        CHECK(error == boost::system::errc::bad_file_descriptor);
    });
}

TEST_CASE("asio: Beast's teardown finds ours, which takes what the peer still sends", "[net]") {
    over_workers([] {
        stream_pair p;
        p.client.write_all("still under way");
        auto client = weft::create_task([&] {
            boost::system::error_code error;
            using beast::websocket::teardown;
            teardown(beast::role_type::client, p.client, error); // after the server
            return error;
        });
        boost::system::error_code error;
        using beast::websocket::teardown;
        teardown(beast::role_type::server, p.server, error);
        CHECK(!error);
        CHECK(!weft::await(client));
        CHECK_FALSE(p.server.is_open());
        CHECK_FALSE(p.client.is_open());
    });
}

TEST_CASE("asio: Boost.Beast's WebSocket runs on a stream, in tasks", "[net]") {
    // Beast gives each WebSocket a timer of Asio's, whose first use makes what Asio keeps for good.
    static const asio::steady_timer warm(tcp_stream().get_executor());
    over_workers([] {
        using web_socket = beast::websocket::stream<tcp_stream>;
        auto listener = weft::net::tcp_listener::bind("127.0.0.1", 0);
        auto server = weft::create_task([&] {
            web_socket s(listener.accept());
            s.accept();
            beast::error_code error;
            for (;;) {
                beast::flat_buffer buffer;
                s.read(buffer, error);
                if (error) return error;
                s.text(s.got_text());
                s.write(buffer.data());
            }
        });
        web_socket client(tcp_stream::connect("127.0.0.1", listener.port()));
        client.handshake("localhost", "/");
        for (const std::size_t size : {5U, 200'000U}) {
            const std::string message(size, 'x');
            client.write(asio::buffer(message));
            beast::flat_buffer buffer;
            client.read(buffer);
            CHECK(beast::buffers_to_string(buffer.data()) == message);
        }
        client.close(beast::websocket::close_code::normal);
        CHECK(weft::await(server) == beast::websocket::error::closed);
    });
}
