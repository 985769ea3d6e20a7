// SPDX-License-Identifier: Apache-2.0
#include "base/keep_memory.hpp"

#include <malloc.h>

#if WEFT_MIMALLOC
#    include <mimalloc.h>
#endif

namespace weft::detail {

void keep_freed_memory() noexcept {
    // The C library's, where nothing takes its place.
    mallopt(M_MMAP_THRESHOLD, 32 << 20); // the largest it takes
    mallopt(M_TRIM_THRESHOLD, 128 << 20);
#if WEFT_MIMALLOC
#    if MI_MALLOC_VERSION < 210
    mi_option_disable(mi_option_allow_decommit);
#    else
    mi_option_set(mi_option_purge_delay, -1);
#    endif
#endif
}

} // namespace weft::detail
