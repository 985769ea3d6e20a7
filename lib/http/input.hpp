// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

#include "http/message.hpp"

namespace weft::http::detail {

/// What has been received: [begin, parsed) belongs to the request at hand, whose views point there, [parsed, end) is new.
class input_buffer {
public:
    [[nodiscard]] const char* unparsed() const noexcept { return data_.get() + parsed_; }
    [[nodiscard]] std::size_t unparsed_size() const noexcept { return end_ - parsed_; }
    [[nodiscard]] std::size_t parsed_size() const noexcept { return parsed_ - begin_; }
    void consume(std::size_t n) noexcept { parsed_ += n; }

    /// The request at hand is answered; its views are void.
    void next_request() noexcept {
        begin_ = parsed_;
        if (begin_ == end_) begin_ = parsed_ = end_ = 0;
    }

    /// Room for at least one more byte; what moves is told to r.
    void make_room(request_data& r) {
        if (end_ < capacity_) return;
        const std::size_t used = end_ - begin_;
        if (begin_ > 0 && used <= capacity_ / 2) {
            r.rebase(data_.get() + begin_, used, data_.get());
            std::memmove(data_.get(), data_.get() + begin_, used);
        } else {
            const std::size_t larger = std::max(k_first, 2 * capacity_);
            auto fresh = std::make_unique_for_overwrite<char[]>(larger);
            if (used > 0) {
                std::memcpy(fresh.get(), data_.get() + begin_, used);
                r.rebase(data_.get() + begin_, used, fresh.get());
            }
            data_ = std::move(fresh);
            capacity_ = larger;
        }
        parsed_ -= begin_;
        end_ -= begin_;
        begin_ = 0;
    }
    [[nodiscard]] char* room() noexcept { return data_.get() + end_; }
    [[nodiscard]] std::size_t room_size() const noexcept { return capacity_ - end_; }
    void received(std::size_t n) noexcept { end_ += n; }

    /// Takes out the first n unparsed bytes; what follows moves down. For bodies in pieces: the header stays where it is.
    void drop_unparsed(std::size_t n) noexcept {
        std::memmove(data_.get() + parsed_, data_.get() + parsed_ + n, end_ - parsed_ - n);
        end_ -= n;
    }

private:
    static constexpr std::size_t k_first = 4096;
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0, parsed_ = 0, end_ = 0;
};

} // namespace weft::http::detail
