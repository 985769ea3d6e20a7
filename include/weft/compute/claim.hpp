// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// Who runs a shared fork: its joiner or a thief. The loser never touches the record, whose frame may be gone.
template <class Atomics = std_atomics>
class basic_claim {
public:
    /// True for one of the two.
    [[nodiscard]] bool take() noexcept {
        // relaxed: the queue has brought the thief all that the owner wrote, and the loser needs nothing
        return !taken_.exchange(true, std::memory_order_relaxed);
    }

private:
    typename Atomics::template atomic<bool> taken_{false};
};

} // namespace weft::detail
