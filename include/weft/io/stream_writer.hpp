// SPDX-License-Identifier: Apache-2.0
// The writing end of a stream, as asyncio.StreamWriter.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <weft/io/buffer.hpp>

namespace weft {

namespace detail {
class writer_core;
}

/// Writes to a stream. A cheap handle, copies are the same writer; empty by default. When the last one goes, it closes.
///
/// What the kernel does not take at once is buffered and sent by a task of the runtime meanwhile. (On a plain thread there is
/// none: drain and wait_closed send it.)
/// Thread safety: any member from any task or thread; what one write was given stays together.
/// Cancellation: drain and wait_closed are cancel points; what was written is sent all the same.
/// Throws: std::system_error for a dead peer (never a SIGPIPE), operation_canceled from what close or abort ends.
///
///     out.write("hello\n");
///     out.drain();
class stream_writer {
public:
    stream_writer() noexcept = default;

    /// Never suspends: buffers what can't be sent at once. Throws std::system_error when the peer is known to be dead, or
    /// after close; std::logic_error after write_eof.
    void write(const_buffer data) const;
    /// One after the other.
    template <class Range>
    void writelines(const Range& all) const {
        for (const auto& data : all) write(data);
    }
    /// Suspends while more than the high mark is buffered, until it is at most the low mark. Throws std::system_error.
    void drain() const;
    /// The peer's read ends after what was written; reading goes on. Does not suspend.
    void write_eof() const;

    /// What is buffered is sent, then the connection is closed; reads of it end with operation_canceled at once. Idempotent,
    /// does not suspend, never throws.
    void close() const noexcept;
    /// Closes at once; what is buffered is lost.
    void abort() const noexcept;
    [[nodiscard]] bool is_closing() const noexcept;
    /// Suspends until it is closed. Throws the std::system_error for which something could not be sent.
    void wait_closed() const;

    /// drain waits while more than `high` bytes are buffered, until they are at most `low`. 64 KiB and 16 KiB by default.
    /// Throws std::invalid_argument if low > high.
    void set_write_buffer_limits(std::size_t high, std::size_t low) const;
    /// Bytes that are not sent yet.
    [[nodiscard]] std::size_t write_buffer_size() const;

    /// "127.0.0.1:50000"; a path; "" for a pipe.
    [[nodiscard]] std::string local_name() const;
    [[nodiscard]] std::string peer_name() const;
    /// The descriptor, non-blocking; -1 when closed. It stays the stream's.
    [[nodiscard]] int native_handle() const;
    [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

    /// For the library's own parts: shares the core, and closes it when the last handle goes.
    explicit stream_writer(const std::shared_ptr<detail::writer_core>& core);

private:
    [[nodiscard]] detail::writer_core& core() const;
    std::shared_ptr<detail::writer_core> core_;
};

} // namespace weft
