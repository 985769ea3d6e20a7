// SPDX-License-Identifier: Apache-2.0
#include "scale.hpp"

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace serve {
namespace {

// Lengths along one axis are counted in units in which both grids are whole: one source pixel is `to` units long, one
// target pixel `from` units. So every weight is an integer, the weights of a target pixel add up to `from`, and a
// picture of one colour stays exactly that colour.
struct span {
    unsigned first; // source pixels [first, last) have a share in the target pixel
    unsigned last;
    std::uint64_t begin; // the target pixel in units
    std::uint64_t end;

    span(unsigned target, unsigned from, unsigned to)
        : first(static_cast<unsigned>(std::uint64_t{target} * from / to)),
          last(static_cast<unsigned>((std::uint64_t{target + 1} * from + to - 1) / to)),
          begin(std::uint64_t{target} * from),
          end(begin + from) {}

    [[nodiscard]] unsigned weight(unsigned pixel, unsigned to) const {
        const std::uint64_t left = std::max<std::uint64_t>(begin, std::uint64_t{pixel} * to);
        const std::uint64_t right = std::min<std::uint64_t>(end, std::uint64_t{pixel + 1} * to);
        return static_cast<unsigned>(right - left);
    }
};

// The hot loop: on its own, so that the compiler sees nothing but arrays and vectorises it.
void add_weighted(const unsigned char* __restrict row, unsigned weight, unsigned* __restrict sums,
                  std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) sums[i] += weight * row[i];
}

} // namespace

extent fit_width(extent source, unsigned width) {
    if (width >= source.width) return source;
    const std::uint64_t scaled =
        (std::uint64_t{source.height} * width + source.width / 2) / source.width;
    return {width, static_cast<unsigned>(std::max<std::uint64_t>(1, scaled))};
}

scaler::scaler(extent from, extent to) : from_(from), to_(to) {
    assert(to.width >= 1 && to.width <= from.width && to.height >= 1 && to.height <= from.height);
}

void scaler::rows(const image& source, image& target, unsigned first, unsigned last) const {
    assert(source.width == from_.width && target.width == to_.width && last <= to_.height);
    // 255 * from.height fits: JPEG pictures are at most 65,500 high
    std::vector<unsigned> sums(source.row_bytes());
    for (unsigned y = first; y < last; ++y) {
        std::fill(sums.begin(), sums.end(), 0U);
        const span covered(y, from_.height, to_.height);
        for (unsigned row = covered.first; row < covered.last; ++row)
            add_weighted(source.row(row), covered.weight(row, to_.height), sums.data(),
                         sums.size());
        average_columns(sums, target.row(y));
    }
}

void scaler::average_columns(const std::vector<unsigned>& sums, unsigned char* out) const {
    const std::uint64_t area = std::uint64_t{from_.width} * from_.height;
    for (unsigned x = 0; x < to_.width; ++x, out += image::k_channels) {
        std::uint64_t colour[image::k_channels] = {};
        const span covered(x, from_.width, to_.width);
        for (unsigned pixel = covered.first; pixel < covered.last; ++pixel) {
            const std::uint64_t weight = covered.weight(pixel, to_.width);
            for (std::size_t c = 0; c < image::k_channels; ++c)
                colour[c] += weight * sums[image::k_channels * pixel + c];
        }
        for (std::size_t c = 0; c < image::k_channels; ++c)
            out[c] = static_cast<unsigned char>((colour[c] + area / 2) / area);
    }
}

} // namespace serve
