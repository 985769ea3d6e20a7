// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// How many refer to an object that ends with the last of them.
template <class Atomics = std_atomics>
class basic_ref_count {
public:
    explicit basic_ref_count(unsigned refs) noexcept : refs_(refs) {}
    /// By somebody who has one.
    void add() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
    /// True: it was the last; the caller ends the object.
    [[nodiscard]] bool drop() noexcept {
        // acq_rel: everything done through other references happens before the end; a sole owner needs no locked operation,
        // since nobody else can make it two
        return refs_.load(std::memory_order_acquire) == 1 ||
               refs_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }

private:
    typename Atomics::template atomic<unsigned> refs_;
};

using ref_count = basic_ref_count<>;

} // namespace weft::detail
