// SPDX-License-Identifier: Apache-2.0
// A server with some routes, and a client that shows every byte.
#pragma once

#include <charconv>
#include <map>
#include <optional>

#include <weft/http.hpp>

#include "unit/net/net_support.hpp"

namespace weft::testing {

struct answer {
    unsigned status = 0; // 0: the connection ended before a whole answer came
    std::map<std::string, std::string> fields;
    std::string body;
};

/// One connection, used as raw text.
class raw_client {
public:
    explicit raw_client(http::server& web)
        : stream(net::tcp_stream::connect("127.0.0.1", web.port())) {}

    void send(std::string_view text) { stream.write_all(text); }
    /// The next answer; to_head: it has no body whatever its length says.
    answer receive(bool to_head = false) {
        answer a;
        std::size_t end = 0;
        while ((end = input_.find("\r\n\r\n")) == std::string::npos)
            if (!more()) return a;
        a.status = static_cast<unsigned>(std::stoi(input_.substr(9, 3)));
        std::size_t at = input_.find("\r\n") + 2;
        while (at < end + 2) {
            const std::size_t colon = input_.find(": ", at), line_end = input_.find("\r\n", at);
            a.fields[input_.substr(at, colon - at)] =
                input_.substr(colon + 2, line_end - colon - 2);
            at = line_end + 2;
        }
        input_.erase(0, end + 4);
        const auto length = a.fields.find("content-length");
        const std::size_t size =
            to_head || length == a.fields.end() ? 0 : std::stoul(length->second);
        while (input_.size() < size)
            if (!more()) return answer{};
        a.body = input_.substr(0, size);
        input_.erase(0, size);
        return a;
    }
    answer ask(std::string_view text) {
        send(text);
        return receive();
    }
    answer get(const std::string& target) {
        return ask("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    /// Has the server closed, with nothing more to say?
    bool at_end() { return input_.empty() && !more(); }

    net::tcp_stream stream;

private:
    bool more() {
        char buffer[4096];
        try {
            const std::size_t n = stream.read_some(buffer, std::chrono::seconds(30));
            input_.append(buffer, n);
            return n > 0;
        } catch (const std::system_error&) { return false; } // reset
    }
    std::string input_;
};

inline void add_test_routes(http::server& web) {
    using http::request;
    using http::response;
    web.get("/plain", [](const request&) { return response::text("Hello, World!"); });
    web.get("/users/{id}",
            [](const request& r) { return response::text(std::string(r.param("id"))); });
    web.get("/users/me", [](const request&) { return response::text("it is you"); });
    web.get("/query", [](const request& r) {
        const auto a = r.query("a");
        return response::text(a ? "[" + std::string(*a) + "]" : "none");
    });
    web.post("/echo", [](const request& r) {
        return response::bytes(std::string(r.body()), "application/octet-stream");
    });
    web.put("/echo", [](const request& r) { return response::text(std::string(r.body()), 201); });
    web.get("/throw", [](const request&) -> response { throw std::runtime_error("secret"); });
    web.get("/throw_int", [](const request&) -> response { throw 7; });
    web.get("/error", [](const request&) -> response { throw http::error(418, "a teapot"); });
}

/// Runs body(web) beside a serving server, over the numbers of workers; then stops it and looks what it left.
template <class Body>
void with_server(http::server_options options, Body body) {
    over_workers([&] {
        options.port = 0;
        http::server web(options);
        add_test_routes(web);
        web.listen();
        auto serving = weft::create_task([&] { web.serve(); });
        body(web);
        web.stop();
        weft::await(serving);
        CHECK(web.stats().open_connections == 0);
    });
}

} // namespace weft::testing
