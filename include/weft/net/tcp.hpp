// SPDX-License-Identifier: Apache-2.0
// TCP connections. Calls suspend a task and block a plain thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <weft/io/io_handle.hpp>
#include <weft/net/address.hpp>
#include <weft/net/buffer.hpp>

namespace weft::net {

struct connect_options {
    std::optional<std::chrono::nanoseconds> timeout =
        std::nullopt;     ///< for all addresses of the host together
    bool no_delay = true; ///< TCP_NODELAY
};

/// One end of a TCP connection. Movable; its end closes it.
///
/// Thread safety: one task may read while another one writes; `close` may be called by any at any time and ends every wait of
/// others with std::errc::operation_canceled. Two reads (or two writes) at once throw device_or_resource_busy.
/// Cancellation: every call that waits is a cancel point; one that need not wait is one now and then. What was read or sent
/// before the cancel is returned, and the cancel comes at the next wait.
/// Throws: std::system_error (a dead peer too; never a SIGPIPE), timeout_error after the limit given, cancelled_error.
///
///     auto s = weft::net::tcp_stream::connect("127.0.0.1", 8080, {.timeout = 1s});
///     s.write_all("hello\n");
///     char buffer[4096];
///     std::size_t n = s.read_some(buffer);      // 0: the peer has ended
class tcp_stream {
public:
    tcp_stream() noexcept = default;

    /// Tries the host's addresses in order. Throws the error of the last one.
    static tcp_stream connect(const std::string& host, std::uint16_t port,
                              const connect_options& options = {});
    static tcp_stream connect(const address& to, const connect_options& options = {});

    /// At least one byte, at most the buffer; 0 at the end of the stream, or if the buffer is empty.
    std::size_t read_some(mutable_buffer to);
    std::size_t read_some(mutable_buffer to, std::chrono::nanoseconds limit);
    /// At least one byte of a buffer that is not empty.
    std::size_t write_some(const_buffer from);
    std::size_t write_some(const_buffer from, std::chrono::nanoseconds limit);
    /// Everything; the limit is for all of it. After an exception nobody knows how much was sent.
    void write_all(const_buffer from);
    void write_all(const_buffer from, std::chrono::nanoseconds limit);

    /// The peer's read ends after what was written; reading goes on. Does not suspend.
    void shutdown_write();
    /// Idempotent, does not suspend, never throws. Every other call on it throws from here on.
    void close() noexcept { handle_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return handle_.fd() >= 0; }

    /// Send small pieces at once (the default) or collect them.
    void set_no_delay(bool on);
    [[nodiscard]] address local_address() const;
    [[nodiscard]] address peer_address() const;
    /// The descriptor, non-blocking; -1 when closed. It stays this object's.
    [[nodiscard]] int native_handle() const noexcept { return handle_.fd(); }

    /// Takes over a connected socket and makes it non-blocking.
    static tcp_stream adopt(int fd);
    /// For the library's own parts.
    explicit tcp_stream(weft::detail::io_handle handle) noexcept : handle_(std::move(handle)) {}
    [[nodiscard]] const weft::detail::io_handle& handle() const noexcept { return handle_; }

private:
    weft::detail::io_handle handle_;
};

struct listen_options {
    int backlog = 1024;        ///< connections that the kernel keeps until accept
    bool reuse_address = true; ///< SO_REUSEADDR: a restart need not wait for old connections
    bool reuse_port = false;   ///< SO_REUSEPORT: several listeners share the port
};

/// Accepts TCP connections. Movable; its end closes it. Thread safety, cancellation, errors: as tcp_stream.
///
///     auto l = weft::net::tcp_listener::bind("127.0.0.1", 0);
///     auto s = l.accept();
class tcp_listener {
public:
    tcp_listener() noexcept = default;

    /// Listens on a numeric address, "localhost" (127.0.0.1) or "" (every IPv4 address); port 0: any free one.
    /// Throws std::system_error whose what() names host and port.
    static tcp_listener bind(const std::string& host, std::uint16_t port,
                             const listen_options& options = {});

    /// The next connection, with TCP_NODELAY.
    tcp_stream accept();
    tcp_stream accept(std::chrono::nanoseconds limit);

    [[nodiscard]] std::uint16_t port() const noexcept { return address_.port(); }
    [[nodiscard]] const address& local_address() const noexcept { return address_; }
    void close() noexcept { handle_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return handle_.fd() >= 0; }
    [[nodiscard]] int native_handle() const noexcept { return handle_.fd(); }
    /// For the library's own parts.
    [[nodiscard]] const weft::detail::io_handle& handle() const noexcept { return handle_; }

private:
    weft::detail::io_handle handle_;
    address address_;
};

} // namespace weft::net
