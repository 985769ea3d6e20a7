// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>

namespace serve {

/// A picture in memory: rows of RGB, 8 bits a channel, without gaps.
struct image {
    static constexpr std::size_t k_channels = 3;

    image() = default;
    image(unsigned w, unsigned h)
        : width(w),
          height(h),
          // not zeroed: whoever asks for a picture writes every row
          rgb(std::make_unique_for_overwrite<unsigned char[]>(k_channels * w * h)) {}

    [[nodiscard]] std::size_t row_bytes() const { return k_channels * width; }
    [[nodiscard]] unsigned char* row(unsigned y) { return rgb.get() + row_bytes() * y; }
    [[nodiscard]] const unsigned char* row(unsigned y) const { return rgb.get() + row_bytes() * y; }

    unsigned width = 0;
    unsigned height = 0;
    std::unique_ptr<unsigned char[]> rgb;
};

/// A picture that can't be read: damaged, of a kind not supported, or too large.
class image_error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

} // namespace serve
