// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <weft/base/unique_function.hpp>
#include <weft/http/request.hpp>
#include <weft/http/response.hpp>

namespace weft::http {

struct server_options {
    std::string host =
        "127.0.0.1"; ///< numeric or "localhost"; "" or "0.0.0.0": every IPv4 address of the machine
    std::uint16_t port = 8080;         ///< 0: any free one
    unsigned max_connections = 10'000; ///< further ones wait in the kernel's queue
    std::size_t header_limit = 16 * 1024;
    std::size_t body_limit = 8 * 1024 * 1024;
    std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60); ///< between two requests
    std::chrono::nanoseconds header_timeout =
        std::chrono::seconds(10); ///< from a request's first byte to its header's end
    std::chrono::nanoseconds shutdown_deadline =
        std::chrono::seconds(10); ///< for answers in the making
    int backlog = 1024;
    std::chrono::nanoseconds body_timeout =
        std::chrono::seconds(30); ///< without a byte of an expected body
    std::chrono::nanoseconds write_timeout =
        std::chrono::seconds(30); ///< for a client to take an answer
    bool reuse_port = false;      ///< several servers share the port
    bool debug = false;           ///< tells clients what() of an unexpected exception
    /// Told of each exception of a handler that is no http::error; by default the runtime's exception handler is.
    std::function<void(const request&, std::exception_ptr)> on_error = {};
};

/// Counted since the server was made.
struct server_stats {
    std::uint64_t connections = 0;               ///< accepted
    std::uint64_t open_connections = 0;          ///< now
    std::uint64_t shed = 0;                      ///< turned away for want of descriptors or memory
    std::uint64_t requests = 0;                  ///< answered, refused ones included
    std::array<std::uint64_t, 10> by_class = {}; ///< answers by the first digit of their status
};

using handler = unique_function<response(const request&)>;

namespace detail {
class server_core;
}

/// An HTTP/1.1 server: keep-alive, pipelining, chunked bodies. Each connection is a task; handlers run in it, may wait and
/// compute, and are called from several tasks at once.
///
///     weft::http::server web({.port = 8080});
///     web.get("/users/{id}", [](const weft::http::request& r) { return weft::http::response::text(std::string(r.param("id"))); });
///     web.serve();                                    // until cancelled or stop()
class server {
public:
    explicit server(server_options options = {});
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Adds a handler: response(const request&). A pattern is a path whose segments may be names in braces, which stand for
    /// any one segment; literal segments win over names. GET answers HEAD, too. Before serve. Throws std::invalid_argument
    /// for a malformed pattern or one that is there already, std::logic_error while serving.
    void route(std::string_view method, std::string_view pattern, handler h);
    void get(std::string_view pattern, handler h) { route("GET", pattern, std::move(h)); }
    void post(std::string_view pattern, handler h) { route("POST", pattern, std::move(h)); }
    void put(std::string_view pattern, handler h) { route("PUT", pattern, std::move(h)); }
    void del(std::string_view pattern, handler h) { route("DELETE", pattern, std::move(h)); }

    /// Binds and listens, once; connections wait until serve. Does not suspend. Throws std::system_error that names host and
    /// port. Any thread.
    void listen();
    /// The port it listens on, or did last; listens if it never has.
    [[nodiscard]] std::uint16_t port();

    /// Serves until cancelled or stop(), then ends gracefully: accepts no more, closes idle connections, lets answers in the
    /// making complete until shutdown_deadline, cuts the rest, and returns when every handler has returned. In a task.
    /// Throws cancelled_error if it was cancelled (a second cancel cuts at once), std::system_error as listen.
    void serve();
    /// Ends serve, or the next one. Any thread; does not wait.
    void stop() noexcept;

    [[nodiscard]] server_stats stats() const;

private:
    const std::unique_ptr<detail::server_core> core_;
};

} // namespace weft::http
