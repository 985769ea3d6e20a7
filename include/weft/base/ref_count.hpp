// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// How many refer to an object that ends with the last of them.
template <class Atomics = std_atomics>
class basic_ref_count {
public:
    explicit basic_ref_count(unsigned refs) noexcept : refs_(refs) {}
    /// By somebody who has one, or keeps the object without.
    void add() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
    /// True: it was the last; the caller ends the object.
    [[nodiscard]] bool drop() noexcept {
        // acq_rel: everything done through other references happens before the end; a sole owner needs no locked operation,
        // since nobody else can make it two
        return refs_.load(std::memory_order_acquire) == 1 ||
               refs_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }

    /// False: it is the last, or was this moment, and nothing is dropped.
    [[nodiscard]] bool drop_unless_last() noexcept {
        unsigned refs = refs_.load(std::memory_order_relaxed);
        while (refs > 1)
            // release: as in drop
            if (refs_.compare_exchange_weak(refs, refs - 1, std::memory_order_release,
                                            std::memory_order_relaxed))
                return true;
        return false;
    }
    /// Where the object lives on without any: who keeps it asks none().
    void drop_kept() noexcept {
        refs_.fetch_sub(1, std::memory_order_release); // pairs with none
    }
    /// By who keeps the object and lets nobody else find it: does anybody have one still?
    [[nodiscard]] bool none() const noexcept { return refs_.load(std::memory_order_acquire) == 0; }

private:
    typename Atomics::template atomic<unsigned> refs_;
};

using ref_count = basic_ref_count<>;

} // namespace weft::detail
