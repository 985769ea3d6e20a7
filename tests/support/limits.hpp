// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace weft::testing {

/// Longer than anything here takes on a busy machine under a sanitizer: only a broken test waits so long.
inline constexpr std::chrono::seconds k_max_test_wait{120};

} // namespace weft::testing
