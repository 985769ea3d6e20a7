// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "io/byte_buffer.hpp"
#include "io/transport.hpp"

namespace weft::detail {

/// What a stream_reader's handles share. All but the atomics belongs to the one who reads.
class reader_core {
public:
    reader_core(std::shared_ptr<transport> from, std::size_t limit) noexcept
        : from_(std::move(from)),
          limit_(limit) {}

    std::string read_some(std::size_t n);
    std::string read_all();
    std::string read_line();
    std::string read_until(std::string_view separator);
    std::string read_exactly(std::size_t n);
    [[nodiscard]] bool at_end() const noexcept { return is_over_.load(std::memory_order_relaxed); }

private:
    class turn;
    bool receive();
    void skip_line() noexcept;
    std::string take(std::size_t n);
    std::size_t find(std::string_view separator);

    static constexpr std::size_t k_first_chunk = 4096, k_last_chunk = 65536;

    const std::shared_ptr<transport> from_;
    const std::size_t limit_;
    std::atomic<bool> reading_{false};
    std::atomic<bool> is_over_{false}; // at the end with nothing left; written at the end of a read
    byte_buffer buffer_;
    std::size_t chunk_ = k_first_chunk;
    bool at_end_ = false;
    bool skips_line_ = false; // the rest of a line that was too long
    int error_ = 0;           // once met, for ever
};

} // namespace weft::detail
