// SPDX-License-Identifier: Apache-2.0
// Making a picture smaller, band by band, so that several cores can share one picture.
#pragma once

#include <vector>

#include "image.hpp"

namespace serve {

struct extent {
    unsigned width = 0;
    unsigned height = 0;
};

/// The size of a picture made `width` wide with its proportions kept. Never larger than the source.
extent fit_width(extent source, unsigned width);

/// Area averaging: a target pixel is the exact mean of the part of the source it covers. Plain, no ringing, and what
/// thumbnails need. Immutable once made: any number of threads may scale bands of the same picture with it.
class scaler {
public:
    scaler(extent from, extent to);

    /// Writes the target's rows [first, last). Bands that don't overlap may run at the same time.
    void rows(const image& source, image& target, unsigned first, unsigned last) const;

private:
    void average_columns(const std::vector<unsigned>& sums, unsigned char* out) const;

    extent from_;
    extent to_;
};

} // namespace serve
