// SPDX-License-Identifier: Apache-2.0
// The size of this process's address space.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace weft::testing {

inline std::size_t mapped_bytes() {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

} // namespace weft::testing
