// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace weft::detail {

/// Bytes that come in at one end and go out at the other. Grows as needed; memory is kept until it is dropped.
class byte_buffer {
public:
    [[nodiscard]] std::string_view view() const noexcept { return {data_.get() + begin_, size()}; }
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

    /// Where at least n more bytes may be written, before committed says how many were.
    char* room(std::size_t n) {
        if (capacity_ - end_ < n) make_room(n);
        return data_.get() + end_;
    }
    void committed(std::size_t n) noexcept { end_ += n; }
    void append(std::string_view bytes) {
        if (bytes.empty()) return;
        std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
        committed(bytes.size());
    }
    void consume(std::size_t n) noexcept {
        begin_ += n;
        if (empty()) begin_ = end_ = 0;
    }
    /// Gives the memory back, too.
    void drop() noexcept {
        data_.reset();
        begin_ = end_ = capacity_ = 0;
    }

private:
    void make_room(std::size_t n) {
        const std::size_t used = size();
        if (used + n > capacity_ || used > capacity_ / 2) { // moving less than half is amortised
            const std::size_t capacity = std::max(used + n, capacity_ * 2);
            auto bigger = std::make_unique_for_overwrite<char[]>(capacity);
            if (used != 0) std::memcpy(bigger.get(), data_.get() + begin_, used);
            data_ = std::move(bigger);
            capacity_ = capacity;
        } else if (used != 0) {
            std::memmove(data_.get(), data_.get() + begin_, used);
        }
        begin_ = 0;
        end_ = used;
    }

    std::unique_ptr<char[]> data_;
    std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

} // namespace weft::detail
