// SPDX-License-Identifier: Apache-2.0
// Pictures to test with, drawn rather than stored.
#pragma once

#include "image.hpp"

namespace serve {

inline image plain_picture(unsigned width, unsigned height, unsigned char r, unsigned char g,
                           unsigned char b) {
    image picture(width, height);
    for (std::size_t i = 0; i < picture.row_bytes() * height; i += image::k_channels) {
        picture.rgb[i] = r;
        picture.rgb[i + 1] = g;
        picture.rgb[i + 2] = b;
    }
    return picture;
}

/// Red grows from left to right, green from top to bottom: every place is known by its colour.
inline image gradient_picture(unsigned width, unsigned height) {
    image picture(width, height);
    for (unsigned y = 0; y < height; ++y)
        for (unsigned x = 0; x < width; ++x) {
            unsigned char* pixel = picture.row(y) + image::k_channels * x;
            pixel[0] = static_cast<unsigned char>(255 * x / width);
            pixel[1] = static_cast<unsigned char>(255 * y / height);
            pixel[2] = 40;
        }
    return picture;
}

} // namespace serve
