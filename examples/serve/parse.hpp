// SPDX-License-Identifier: Apache-2.0
// What is in a photograph, found out by a decoder that nobody trusts: it runs in a process of its own.
#pragma once

#include <string>

namespace serve {

struct photo_facts {
    unsigned width = 0, height = 0;
    double brightness = 0; ///< mean of all channels, 0 to 255

    template <class Archive>
    void serialize(Archive& ar) {
        ar(width, height, brightness);
    }
};

/// Reads and decodes the whole file. `crashes`: a broken decoder, for those who want to see what becomes of it. Throws image_error.
photo_facts parse_photo(const std::string& path, bool crashes);

} // namespace serve
