// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace weft::detail {

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016): victims of stealing.
class random_source {
public:
    explicit random_source(std::uint64_t seed) noexcept
        : state_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
    std::uint64_t next() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545F4914F6CDD1DULL;
    }
    /// Uniform in [0, bound), by multiplication (Lemire).
    std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
    }

private:
    std::uint64_t state_;
};

} // namespace weft::detail
