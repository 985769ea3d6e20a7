// SPDX-License-Identifier: Apache-2.0
#include <weft/io/stream_reader.hpp>

#include <algorithm>
#include <stdexcept>

#include "io/reader_core.hpp"
#include "io/throw_error.hpp"

namespace weft {
namespace detail {

/// One read at a time.
class reader_core::turn {
public:
    explicit turn(reader_core& r) : reader_(r) {
        // acquire pairs with the release below: the buffer goes from one reader to the next
        if (r.reading_.exchange(true, std::memory_order_acquire))
            throw std::logic_error(
                "weft: a read of a stream from which another task reads just now");
    }
    ~turn() {
        reader_.is_over_.store(reader_.at_end_ && reader_.buffer_.empty(),
                               std::memory_order_relaxed);
        reader_.reading_.store(false, std::memory_order_release); // pairs with the acquire above
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;

private:
    reader_core& reader_;
};

// Waits for more bytes; false: there are none to come.
bool reader_core::receive() {
    if (error_ != 0) throw_io_error(error_, "weft: read");
    if (at_end_) return false;
    const ssize_t n = from_->receive(buffer_.room(chunk_), chunk_);
    if (n < 0) throw_io_error(error_ = static_cast<int>(n), "weft: read");
    at_end_ = n == 0;
    const auto got = static_cast<std::size_t>(n);
    buffer_.committed(got);
    if (got == chunk_) chunk_ = std::min(chunk_ * 2, k_last_chunk);
    if (skips_line_) skip_line();
    return !at_end_;
}

void reader_core::skip_line() noexcept {
    const std::size_t at = buffer_.view().find('\n');
    skips_line_ = at == std::string_view::npos;
    buffer_.consume(skips_line_ ? buffer_.size() : at + 1);
}

std::string reader_core::take(std::size_t n) {
    std::string taken(buffer_.view().substr(0, n));
    buffer_.consume(n);
    return taken;
}

std::string reader_core::read_some(std::size_t n) {
    const turn mine(*this);
    if (n == 0) return {};
    while (buffer_.empty())
        if (!receive()) return {};
    return take(std::min(n, buffer_.size()));
}

std::string reader_core::read_all() {
    const turn mine(*this);
    while (receive()) {} // stays in the buffer until all is there: a cancel loses nothing
    std::string all = take(buffer_.size());
    buffer_.drop();
    return all;
}

std::string reader_core::read_exactly(std::size_t n) {
    const turn mine(*this);
    while (buffer_.size() < n) {
        if (receive()) continue;
        const std::string what = "weft: the stream ended after " + std::to_string(buffer_.size()) +
                                 " of " + std::to_string(n) + " bytes";
        throw incomplete_read_error(what, take(buffer_.size()), n);
    }
    return take(n);
}

// The size of the piece that ends with the separator; npos: the stream ends before it.
std::size_t reader_core::find(std::string_view separator) {
    for (std::size_t searched = 0;;) {
        const std::string_view there = buffer_.view();
        const std::size_t at = there.find(separator, searched);
        if (at != std::string_view::npos && at <= limit_) return at + separator.size();
        // Where a separator that is not whole yet may begin.
        searched = there.size() < separator.size() ? 0 : there.size() + 1 - separator.size();
        if (at != std::string_view::npos || searched > limit_)
            throw limit_overrun_error("weft: no separator within the stream's limit of " +
                                          std::to_string(limit_) + " bytes",
                                      std::string(there.substr(0, std::min(at, searched))));
        if (!receive()) return std::string_view::npos;
    }
}

std::string reader_core::read_until(std::string_view separator) {
    if (separator.empty()) throw std::invalid_argument("weft: readuntil an empty separator");
    const turn mine(*this);
    const std::size_t size = find(separator);
    if (size != std::string_view::npos) return take(size);
    const std::string what = "weft: the stream ended after " + std::to_string(buffer_.size()) +
                             " bytes without a separator";
    throw incomplete_read_error(what, take(buffer_.size()), std::nullopt);
}

std::string reader_core::read_line() {
    const turn mine(*this);
    try {
        const std::size_t size = find("\n");
        return take(std::min(size, buffer_.size()));
    } catch (const limit_overrun_error&) {
        skip_line();
        throw;
    }
}

} // namespace detail

detail::reader_core& stream_reader::core() const {
    if (!core_) throw std::logic_error("weft: an empty stream_reader");
    return *core_;
}

std::string stream_reader::read(std::ptrdiff_t n) const {
    return n < 0 ? core().read_all() : core().read_some(static_cast<std::size_t>(n));
}
std::string stream_reader::read() const { return core().read_all(); }
std::string stream_reader::readline() const { return core().read_line(); }
std::string stream_reader::readuntil(std::string_view separator) const {
    return core().read_until(separator);
}
std::string stream_reader::readexactly(std::size_t n) const { return core().read_exactly(n); }
bool stream_reader::at_eof() const { return core().at_end(); }

std::optional<std::string> stream_reader::next_line() {
    std::string line = readline();
    if (line.empty()) return std::nullopt;
    return line;
}

} // namespace weft
