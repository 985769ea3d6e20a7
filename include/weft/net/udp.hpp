// SPDX-License-Identifier: Apache-2.0
// Datagrams. Calls suspend a task and block a plain thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <weft/io/buffer.hpp>
#include <weft/io/io_handle.hpp>
#include <weft/net/address.hpp>

namespace weft::net {

struct udp_options {
    bool reuse_address = false; ///< SO_REUSEADDR
    bool reuse_port = false;    ///< SO_REUSEPORT: several sockets share the port
    bool broadcast = false;     ///< SO_BROADCAST
};

/// What one receive_from took.
struct datagram {
    std::size_t size = 0; ///< bytes in the buffer
    address from;
    bool truncated = false; ///< it was larger than the buffer; the rest is lost
};

/// A socket for datagrams. Movable; its end closes it. Thread safety and cancellation: as stream_socket.
/// Throws std::system_error (on a connected one also for the peer's refusal), timeout_error after the limit given.
///
///     auto s = weft::net::udp_socket::bind("127.0.0.1", 0);
///     char buffer[1500];
///     auto got = s.receive_from(buffer);
///     s.send_to(std::span(buffer, got.size), got.from);
class udp_socket {
public:
    udp_socket() noexcept = default;

    /// A numeric address, "localhost" (127.0.0.1) or "" (every IPv4 address); port 0: any free one.
    static udp_socket bind(const std::string& host, std::uint16_t port,
                           const udp_options& options = {});
    /// For one peer alone: the first address of the host. May suspend to look it up.
    static udp_socket connect(const std::string& host, std::uint16_t port,
                              const udp_options& options = {});

    /// One datagram, whole or not at all. Suspends while the kernel's buffer is full.
    void send_to(const_buffer from, const address& to);
    /// To the peer of a connected one.
    void send(const_buffer from);
    /// The next datagram; an empty one is one, too.
    datagram receive_from(mutable_buffer to);
    datagram receive_from(mutable_buffer to, std::chrono::nanoseconds limit);
    std::size_t receive(mutable_buffer to) { return receive_from(to).size; }
    std::size_t receive(mutable_buffer to, std::chrono::nanoseconds limit) {
        return receive_from(to, limit).size;
    }

    [[nodiscard]] address local_address() const;
    [[nodiscard]] std::uint16_t port() const { return local_address().port(); }
    /// Idempotent, does not suspend, never throws; ends every wait with operation_canceled.
    void close() noexcept { handle_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return handle_.fd() >= 0; }
    [[nodiscard]] int native_handle() const noexcept { return handle_.fd(); }

private:
    weft::detail::io_handle handle_;
};

} // namespace weft::net
