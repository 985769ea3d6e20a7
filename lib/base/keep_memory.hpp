// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft::detail {

/// From now on this process keeps what it frees, for itself: for one that does the same again and again, where fresh pages for
/// each large block would cost more than what is done with it. Before other threads allocate.
void keep_freed_memory() noexcept;

} // namespace weft::detail
