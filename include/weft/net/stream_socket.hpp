// SPDX-License-Identifier: Apache-2.0
// What TCP and Unix connections have in common. Calls suspend a task and block a plain thread.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>

#include <weft/io/buffer.hpp>
#include <weft/io/io_handle.hpp>
#include <weft/net/asio_stream.hpp>

namespace weft::net {

/// One end of a connection. Movable; its end closes it.
///
/// Thread safety: one task may read while another one writes; `close` may be called by any at any time and ends every wait of
/// others with std::errc::operation_canceled. Two reads (or two writes) at once throw device_or_resource_busy.
/// Cancellation: every call that waits is a cancel point; one that need not wait is one now and then. What was read or sent
/// before the cancel is returned, and the cancel comes at the next wait.
/// Throws: std::system_error (a dead peer too; never a SIGPIPE), timeout_error after the limit given, cancelled_error.
class stream_socket {
public:
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

    /// Boost.Asio's SyncReadStream and SyncWriteStream: buffer sequences, and errors as values of E; the end of the stream is
    /// asio::error::eof. So Boost.Beast and others written for such streams run on this one, and block but the task.
    template <detail::asio_mutable_buffers Buffers>
    std::size_t read_some(const Buffers& to) {
        const detail::asio_slices slices(to);
        if (slices.empty()) return 0;
        const std::size_t n = detail::checked_asio(receive_into(slices), "weft: read");
        if (n == 0)
            throw incomplete_read_error("weft: read: the stream has ended", {}, std::nullopt);
        return n;
    }
    template <detail::asio_mutable_buffers Buffers, detail::asio_error Error>
    std::size_t read_some(const Buffers& to, Error& error) {
        const detail::asio_slices slices(to);
        return detail::to_asio(slices.empty() ? 0 : receive_into(slices), error, !slices.empty());
    }
    template <detail::asio_const_buffers Buffers>
    std::size_t write_some(const Buffers& from) {
        const detail::asio_slices slices(from);
        return slices.empty() ? 0 : detail::checked_asio(send_from(slices), "weft: write");
    }
    template <detail::asio_const_buffers Buffers, detail::asio_error Error>
    std::size_t write_some(const Buffers& from, Error& error) {
        const detail::asio_slices slices(from);
        return detail::to_asio(slices.empty() ? 0 : send_from(slices), error, false);
    }
    using executor_type = detail::asio_executor;
    [[nodiscard]] executor_type get_executor() const noexcept { return {}; }

    /// Idempotent, does not suspend, never throws. Every other call on it throws from here on.
    void close() noexcept { handle_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return handle_.fd() >= 0; }
    /// The descriptor, non-blocking; -1 when closed. It stays this object's.
    [[nodiscard]] int native_handle() const noexcept { return handle_.fd(); }

    /// For the library's own parts.
    explicit stream_socket(weft::detail::io_handle handle) noexcept : handle_(std::move(handle)) {}
    [[nodiscard]] const weft::detail::io_handle& handle() const noexcept { return handle_; }
    [[nodiscard]] weft::detail::io_handle release() && noexcept { return std::move(handle_); }

protected:
    stream_socket() noexcept = default;

private:
    std::ptrdiff_t receive_into(const detail::asio_slices& to);
    std::ptrdiff_t send_from(const detail::asio_slices& from);

    weft::detail::io_handle handle_;
};

/// What Boost.Beast's WebSocket asks for at its end: says goodbye, and takes what the peer still sends.
template <std::derived_from<stream_socket> Stream>
void teardown(boost::beast::role_type role, Stream& stream, boost::system::error_code& error) {
    detail::tear_down(static_cast<int>(role) == 0, stream, error);
}

/// What listeners have in common. Movable; its end closes it. Thread safety, cancellation, errors: as stream_socket.
class socket_listener {
public:
    void close() noexcept { handle_.close(); }
    [[nodiscard]] bool is_open() const noexcept { return handle_.fd() >= 0; }
    [[nodiscard]] int native_handle() const noexcept { return handle_.fd(); }
    /// For the library's own parts.
    [[nodiscard]] const weft::detail::io_handle& handle() const noexcept { return handle_; }

protected:
    socket_listener() noexcept = default;
    [[nodiscard]] weft::detail::io_handle accept_handle();
    [[nodiscard]] weft::detail::io_handle accept_handle(std::chrono::nanoseconds limit);

    weft::detail::io_handle handle_;
};

} // namespace weft::net
