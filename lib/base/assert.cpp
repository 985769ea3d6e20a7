// SPDX-License-Identifier: Apache-2.0
#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace weft::detail {

void assertion_failed(const char* what, const char* file, int line) noexcept {
    std::fprintf(stderr, "weft: broken invariant: %s (%s:%d); this is a bug in weft\n", what, file,
                 line);
    std::abort();
}

} // namespace weft::detail
