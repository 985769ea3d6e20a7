// SPDX-License-Identifier: Apache-2.0
// Large payloads: memory that is shared by descriptor. See README.md, "A call on its way".
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include <weft/process/pack.hpp>

#include "base/unique_fd.hpp"
#include "process/wire.hpp"

namespace weft::detail {

/// A memfd and its mapping. It never shrinks (sealed), so a mapping of it can always be read.
class segment {
public:
    /// A new one. Throws std::system_error.
    explicit segment(std::size_t capacity);
    /// One that another process made, at least that large. Throws std::system_error, std::invalid_argument.
    segment(unique_fd fd, std::size_t capacity);
    segment(const segment&) = delete;
    segment& operator=(const segment&) = delete;
    ~segment();

    /// Makes it larger. Throws std::system_error.
    void grow(std::size_t capacity);
    /// Follows another process that made it larger.
    void follow(std::size_t capacity);

    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    std::uint64_t id = 0; ///< the program's number for it

private:
    void check_size(std::size_t capacity) const;
    void map(std::size_t capacity);

    unique_fd fd_;
    std::byte* data_ = nullptr;
    std::size_t capacity_ = 0;
};

using segment_ptr = std::unique_ptr<segment>;

/// Where a payload gets a segment from, and what becomes of it.
class segment_source {
public:
    virtual segment_ptr take(std::size_t capacity) = 0;
    virtual void give(segment_ptr s) noexcept = 0;

protected:
    ~segment_source() = default;
};

/// The program's: keeps some for the next call. Any thread.
class segment_pool final : public segment_source {
public:
    segment_ptr take(std::size_t capacity) override;
    void give(segment_ptr s) noexcept override;

private:
    static constexpr std::size_t k_most_kept = 8;
    std::mutex mutex_;
    std::vector<segment_ptr> free_;
    std::uint64_t last_id_ = 0;
};

/// The segments that a worker keeps mapped, oldest first; the program keeps the same list of ids without the mappings.
template <class Entry>
class recent_segments {
public:
    [[nodiscard]] bool has(std::uint64_t id) const noexcept {
        return std::ranges::any_of(entries_, [id](const auto& e) { return e.first == id; });
    }
    /// The entry of that id, now the newest; null: it is not among them.
    Entry* find(std::uint64_t id) {
        const auto at =
            std::ranges::find_if(entries_, [id](const auto& e) { return e.first == id; });
        if (at == entries_.end()) return nullptr;
        auto found = std::move(*at);
        entries_.erase(at);
        return &entries_.emplace_back(std::move(found)).second;
    }
    void add(std::uint64_t id, Entry e) {
        if (entries_.size() == k_segments_per_worker) entries_.pop_front();
        entries_.emplace_back(id, std::move(e));
    }

private:
    std::deque<std::pair<std::uint64_t, Entry>> entries_;
};

/// Encoded arguments or results: in memory up to k_inline_bytes, then in a segment.
class payload final : public out_buffer {
public:
    explicit payload(segment_source& source) noexcept : source_(source) {
        data_ = small_;
        capacity_ = sizeof small_;
    }
    ~payload() override { clear(); }

    void clear() noexcept;
    [[nodiscard]] segment* shared() const noexcept { return segment_.get(); }
    segment_ptr release_segment() noexcept;
    /// Takes back what release_segment gave away, with what it holds.
    void adopt_segment(segment_ptr s, std::size_t size) noexcept;

private:
    void make_room(std::size_t n) override;

    segment_source& source_;
    std::byte small_[256];
    std::unique_ptr<std::byte[]> heap_;
    segment_ptr segment_;
};

} // namespace weft::detail
