// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include <weft/compute/loop.hpp>

namespace weft {
namespace detail {

template <class Index, class T, class Map, class Combine>
class reduction {
public:
    reduction(Map& map, Combine& combine) noexcept : map_(map), combine_(combine) {}

    T run(Index begin, Index end, std::size_t largest) {
        if (static_cast<std::size_t>(end - begin) <= largest) return run_piece(begin, end);
        const Index middle = begin + (end - begin) / 2;
        auto [left, right] = gather_calls([=, this] { return run(begin, middle, largest); },
                                          [=, this] { return run(middle, end, largest); });
        return combine_(std::move(left), std::move(right));
    }

private:
    T run_piece(Index begin, Index end) {
        loop_pace pace(hint_);
        T sum = map_(begin);
        for (++begin;;) {
            const auto left = static_cast<std::size_t>(end - begin);
            const Index stop =
                left <= pace.chunk() ? end : begin + static_cast<Index>(pace.chunk());
            for (; begin != stop; ++begin) sum = combine_(std::move(sum), map_(begin));
            if (begin == end) return sum;
            pace.next();
        }
    }

    Map& map_;
    Combine& combine_;
    loop_hint hint_;
};

/// Into how many pieces: few elements are probably quick ones, and 64 pieces feed the cores there are.
constexpr std::size_t reduction_pieces(std::size_t n) noexcept { return n < 16'384 ? 64 : 256; }

} // namespace detail

/// combine of init and of map(i) for each i of [first, last), in that order, with the parentheses anywhere: `combine` must be
/// associative. Where they are depends on the number of elements and the grain alone: with floating-point numbers the result
/// is the same in each run, on any number of workers. Else as parallel_for.
///
///     long s = weft::parallel_reduce(0, n, 0L, [&](std::size_t i) { return a[i]; }, std::plus<>{});
template <std::integral First, std::integral Last, class T, class Map, class Combine>
    requires std::invocable<Map&, std::common_type_t<First, Last>> T
    parallel_reduce(First first, Last last, T init, Map&& map, Combine&& combine,
                    parallel_options options = {}) {
        using index = std::common_type_t<First, Last>;
        if (std::cmp_greater_equal(first, last)) return init;
        const auto begin = static_cast<index>(first), end = static_cast<index>(last);
        detail::reduction<index, T, std::remove_reference_t<Map>, std::remove_reference_t<Combine>>
            all(map, combine);
        const auto n = static_cast<std::size_t>(end - begin);
        const std::size_t piece = detail::piece_of(n, detail::reduction_pieces(n), options.grain);
        return combine(std::move(init), all.run(begin, end, piece));
    }

} // namespace weft
