// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace weft::detail {

/// Counts values by size: exact below 4, then four buckets for each power of two, so a quantile is at most a quarter too large
/// (the scheme of HdrHistogram). Written by one thread with plain adds; read by any.
class histogram {
public:
    static constexpr unsigned k_bits = 32; // of a value
    static constexpr unsigned k_buckets = 4 * (k_bits - 1);
    using counts = std::array<std::uint64_t, k_buckets>;

    void add(std::uint32_t value) noexcept {
        auto& c = counts_[bucket_of(value)];
        c.store(c.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    /// Adds the counts to `sum`.
    void add_to(counts& sum) const noexcept {
        for (unsigned i = 0; i < k_buckets; ++i)
            sum[i] += counts_[i].load(std::memory_order_relaxed);
    }

    static constexpr unsigned bucket_of(std::uint32_t value) noexcept {
        if (value < 4) return value;
        const auto power = static_cast<unsigned>(std::bit_width(value)) - 1; // from 2
        return 4 * (power - 1) + ((value >> (power - 2)) & 3);
    }
    /// The largest value that bucket counts.
    static constexpr std::uint64_t largest_in(unsigned bucket) noexcept {
        if (bucket < 4) return bucket;
        const unsigned power = bucket / 4 + 1;
        return ((std::uint64_t{4} + bucket % 4 + 1) << (power - 2)) - 1;
    }
    static std::uint64_t total(const counts& of) noexcept {
        std::uint64_t sum = 0;
        for (const std::uint64_t c : of) sum += c;
        return sum;
    }
    /// A value that the fraction q of all does not exceed; 0 if there are none.
    static std::uint64_t quantile(const counts& of, double q) noexcept {
        const std::uint64_t all = total(of);
        if (all == 0) return 0;
        const double want = q * static_cast<double>(all);
        std::uint64_t seen = 0;
        for (unsigned i = 0; i < k_buckets; ++i) {
            seen += of[i];
            if (static_cast<double>(seen) >= want && of[i] != 0) return largest_in(i);
        }
        return largest_in(k_buckets - 1);
    }

private:
    std::array<std::atomic<std::uint64_t>, k_buckets> counts_{};
};

} // namespace weft::detail
