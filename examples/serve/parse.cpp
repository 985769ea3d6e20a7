// SPDX-License-Identifier: Apache-2.0
#include "parse.hpp"

#include <csignal>
#include <numeric>

#include "jpeg.hpp"
#include "photos.hpp"

namespace serve {

photo_facts parse_photo(const std::string& path, bool crashes) {
    const image picture = decode_jpeg(read_file(path, k_most_jpeg_bytes));
    if (crashes) std::raise(SIGKILL);
    const std::size_t bytes = picture.row_bytes() * picture.height;
    const double sum = std::accumulate(picture.rgb.get(), picture.rgb.get() + bytes, 0.0);
    return {picture.width, picture.height, bytes != 0 ? sum / static_cast<double>(bytes) : 0};
}

} // namespace serve
