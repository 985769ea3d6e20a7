// SPDX-License-Identifier: Apache-2.0
// The reading end of a stream, as asyncio.StreamReader.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <weft/base/error.hpp>
#include <weft/base/input_iterator.hpp>

namespace weft {

namespace detail {
class reader_core;
}

/// Reads pieces of a stream: lines, so many bytes, all. A cheap handle, copies are the same reader; empty by default.
///
/// Thread safety: one task (or plain thread) reads at a time; a second one gets std::logic_error. Another one may write.
/// Suspends while what is asked for is not there; blocks a plain thread. Nothing is received that nobody asked for, but what
/// is beyond a line: a peer that sends too much is stopped by the kernel's buffers.
/// Cancellation: every read that waits is a cancel point. Nothing is lost: what had come is there for the next read.
/// Throws: std::system_error for a dead peer, and that again from then on; std::errc::operation_canceled once the
/// connection's writer was closed; what is buffered can be read before that.
///
///     auto [in, out] = weft::open_connection("localhost", 8080);
///     for (std::string& line : in) use(line);
class stream_reader {
public:
    stream_reader() noexcept = default;

    /// At most n bytes: what is there, at least one. "" at the end of the stream, or for n == 0. Negative: as read().
    [[nodiscard]] std::string read(std::ptrdiff_t n) const;
    /// Everything up to the end of the stream.
    [[nodiscard]] std::string read() const;
    /// A line with its "\n"; without, if the stream ends before it; "" after that. Throws limit_overrun_error for a line longer
    /// than the limit; exactly that line is dropped.
    [[nodiscard]] std::string readline() const;
    /// Up to and with the separator. Throws incomplete_read_error (with what came) if the stream ends before it,
    /// limit_overrun_error if it is further away than the limit: then nothing is taken. "" is std::invalid_argument.
    [[nodiscard]] std::string readuntil(std::string_view separator = "\n") const;
    /// Exactly n bytes. Throws incomplete_read_error (with what came) if the stream ends before.
    [[nodiscard]] std::string readexactly(std::size_t n) const;

    /// Has a read met the end of the stream, and is nothing left? Does not suspend.
    [[nodiscard]] bool at_eof() const;
    [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

    /// Over the lines that are left, each as readline gives it.
    [[nodiscard]] auto begin() {
        return detail::pull_iterator<stream_reader, std::string, &stream_reader::next_line>(*this);
    }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    /// For the library's own parts.
    explicit stream_reader(std::shared_ptr<detail::reader_core> core) noexcept
        : core_(std::move(core)) {}

private:
    [[nodiscard]] detail::reader_core& core() const;
    std::optional<std::string> next_line();

    std::shared_ptr<detail::reader_core> core_;
};

} // namespace weft
