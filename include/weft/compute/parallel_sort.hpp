// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <functional>
#include <iterator>
#include <utility>

#include <weft/compute/loop.hpp>

namespace weft {
namespace detail {

/// Quicksort whose parts are forks (Hoare, "Quicksort", 1962; the pivot is the median of three medians of three: Bentley and
/// McIlroy, "Engineering a sort function", 1993). Small parts, and those that split badly too often, go to std::sort.
template <class It, class Less>
class quicksort {
    using step = std::iter_difference_t<It>;
    using value = std::iter_value_t<It>;

public:
    quicksort(Less& less, step small) noexcept : less_(less), small_(small) {}

    void run(It begin, It end, int bad_splits_left) {
        while (end - begin > small_) {
            const It middle = partition(begin, end);
            const step left = middle - begin, right = end - middle;
            if (std::min(left, right) < (end - begin) / 16 && --bad_splits_left < 0) break;
            gather_calls([=, this] { run(begin, middle, bad_splits_left); },
                         [=, this] { run(middle, end, bad_splits_left); });
            return;
        }
        throw_if_cancelled();
        std::sort(begin, end, std::ref(less_));
    }

private:
    It median(It a, It b, It c) {
        if (less_(*a, *b)) return less_(*b, *c) ? b : less_(*a, *c) ? c : a;
        return less_(*a, *c) ? a : less_(*b, *c) ? c : b;
    }
    It choose_pivot(It begin, step n) {
        const step d = n / 9;
        return median(median(begin, begin + d, begin + 2 * d),
                      median(begin + 3 * d, begin + 4 * d, begin + 5 * d),
                      median(begin + 6 * d, begin + 7 * d, begin + 8 * d));
    }

    // Both parts are smaller than the whole: all left of the result are not above the pivot, all others not below it. Equal
    // ones are swapped: many of them fall into two halves.
    It partition(It begin, It end) {
        std::iter_swap(begin, choose_pivot(begin, end - begin));
        loop_pace pace(hint_);
        std::size_t left_in_chunk = pace.chunk();
        It low = begin, high = end;
        for (;;) {
            do ++low;
            while (less_(*low,
                         *begin)); // one that is not below the pivot comes: it was among the nine
            do --high;
            while (less_(*begin, *high));
            if (low >= high) break;
            std::iter_swap(low, high);
            if (--left_in_chunk == 0) {
                pace.next();
                left_in_chunk = pace.chunk();
            }
        }
        std::iter_swap(begin, high);
        return high == begin ? high + 1 : high;
    }

    Less& less_;
    const step small_;
    loop_hint hint_;
};

} // namespace detail

/// Sorts as std::sort does: not stable, n log n. The comparator may await. If it throws, or the caller is cancelled, the
/// elements are all there, in some order. On a plain thread: here. Suspends; a cancel point between pieces.
///
///     weft::parallel_sort(v.begin(), v.end());
///     weft::parallel_sort(v.begin(), v.end(), std::greater<>{});
template <std::random_access_iterator It, class Less = std::less<>>
void parallel_sort(It begin, It end, Less less = {}, parallel_options options = {}) {
    constexpr std::size_t k_small = 2048;
    const auto n = static_cast<std::size_t>(end - begin);
    const auto small = static_cast<std::iter_difference_t<It>>(
        options.grain != 0 ? std::max<std::size_t>(options.grain, 16) : k_small);
    detail::quicksort<It, Less>(less, small).run(begin, end, std::bit_width(n));
}

} // namespace weft
