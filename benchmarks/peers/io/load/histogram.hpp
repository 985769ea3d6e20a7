// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace load {

/// Latencies in buckets that grow with the value: 64 to each power of two, so a percentile is off by less than 1.6 %,
/// from nanoseconds to hours, in a fixed 30 KiB.
class histogram {
public:
    void record(std::chrono::nanoseconds latency) {
        const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(0, latency.count()));
        ++buckets_[bucket_of(ns)];
        ++count_;
        worst_ = std::max(worst_, ns);
    }

    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] double worst_us() const { return static_cast<double>(worst_) / 1e3; }

    /// The latency that this share of all answers did not exceed, as the lower end of its bucket; 0 if there are none.
    [[nodiscard]] double percentile_us(double share) const {
        if (count_ == 0) return 0;
        const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket)
            if ((seen += buckets_[bucket]) > rank)
                return static_cast<double>(lower_end(bucket)) / 1e3;
        return worst_us();
    }

private:
    static constexpr unsigned k_sub_bits = 6;
    static constexpr std::size_t k_subs = std::size_t{1} << k_sub_bits;

    static std::size_t bucket_of(std::uint64_t ns) {
        if (ns < k_subs) return ns;
        const auto shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - k_sub_bits;
        return (shift + 1) * k_subs + ((ns >> shift) - k_subs);
    }
    static std::uint64_t lower_end(std::size_t bucket) {
        if (bucket < k_subs) return bucket;
        return (bucket % k_subs + k_subs) << (bucket / k_subs - 1);
    }

    std::array<std::uint64_t, k_subs*(64 - k_sub_bits + 1)> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t worst_ = 0;
};

} // namespace load
