// SPDX-License-Identifier: Apache-2.0
// JPEG in and out of memory (libjpeg-turbo).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "image.hpp"

namespace serve {

inline constexpr std::size_t k_most_jpeg_bytes = std::size_t{64} << 20;
inline constexpr std::size_t k_most_pixels = 100'000'000;

/// Decodes a JPEG. `wanted_width` is what the picture will be made smaller to: a picture much wider than that is decoded
/// at a half, a quarter or an eighth of its size, still at least twice as wide as wanted; 0 asks for the full size.
/// `between()`, if given, is called every few rows, with no lock held and no C code on the stack: it may throw.
/// Throws image_error.
image decode_jpeg(std::string_view bytes, unsigned wanted_width = 0,
                  const std::function<void()>& between = {});

/// Throws image_error.
std::string encode_jpeg(const image& picture, int quality = 82);

} // namespace serve
