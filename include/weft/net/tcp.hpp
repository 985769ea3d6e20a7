// SPDX-License-Identifier: Apache-2.0
// TCP connections. Calls suspend a task and block a plain thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <weft/net/address.hpp>
#include <weft/net/stream_socket.hpp>

namespace weft::net {

struct connect_options {
    std::optional<std::chrono::nanoseconds> timeout =
        std::nullopt;     ///< for all addresses of the host together
    bool no_delay = true; ///< TCP_NODELAY
};

/// One end of a TCP connection. Reading, writing, closing, threads, cancellation and errors: stream_socket.
///
///     auto s = weft::net::tcp_stream::connect("127.0.0.1", 8080, {.timeout = 1s});
///     s.write_all("hello\n");
///     char buffer[4096];
///     std::size_t n = s.read_some(buffer);      // 0: the peer has ended
class tcp_stream : public stream_socket {
public:
    tcp_stream() noexcept = default;

    /// Tries the host's addresses in order. If none answers: the error of the last one, with a message that names them all.
    static tcp_stream connect(const std::string& host, std::uint16_t port,
                              const connect_options& options = {});
    static tcp_stream connect(const address& to, const connect_options& options = {});

    /// Send small pieces at once (the default) or collect them.
    void set_no_delay(bool on);
    [[nodiscard]] address local_address() const;
    [[nodiscard]] address peer_address() const;

    /// Takes over a connected socket and makes it non-blocking.
    static tcp_stream adopt(int fd);
    using stream_socket::stream_socket;
};

struct listen_options {
    int backlog = 1024;        ///< connections that the kernel keeps until accept
    bool reuse_address = true; ///< SO_REUSEADDR: a restart need not wait for old connections
    bool reuse_port = false;   ///< SO_REUSEPORT: several listeners share the port
};

/// Accepts TCP connections; else as socket_listener.
///
///     auto l = weft::net::tcp_listener::bind("127.0.0.1", 0);
///     auto s = l.accept();
class tcp_listener : public socket_listener {
public:
    tcp_listener() noexcept = default;

    /// Listens on a numeric address, "localhost" (127.0.0.1) or "" (every IPv4 address); port 0: any free one.
    /// Throws std::system_error whose what() names host and port.
    static tcp_listener bind(const std::string& host, std::uint16_t port,
                             const listen_options& options = {});

    /// The next connection, with TCP_NODELAY.
    tcp_stream accept() { return tcp_stream(accept_handle()); }
    tcp_stream accept(std::chrono::nanoseconds limit) { return tcp_stream(accept_handle(limit)); }

    [[nodiscard]] std::uint16_t port() const noexcept { return address_.port(); }
    [[nodiscard]] const address& local_address() const noexcept { return address_; }

private:
    address address_;
};

} // namespace weft::net
