// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include <weft/compute/parallel_transform.hpp>

namespace weft {
namespace detail {

// Two passes over pieces (Blelloch, "Prefix sums and their applications", 1990): the sum of each piece, then each piece's own
// scan, which begins with the sum of those before it.
template <bool Inclusive, class T, class From, class To, class Op>
void scan(From from, To to, std::size_t n, std::optional<T> init, Op& op, std::size_t grain) {
    constexpr std::size_t k_pieces = 64;
    if (n == 0) return;
    const std::size_t size = piece_of(n, k_pieces, grain);
    const std::size_t count = (n + size - 1) / size;
    const auto at = [](auto begin, std::size_t i) -> decltype(auto) {
        return begin[static_cast<std::iter_difference_t<decltype(begin)>>(i)];
    };
    std::vector<std::optional<T>> before(count); // what a piece begins with
    loop_hint hint;
    const auto each = [&](std::size_t piece, auto element) {
        const std::size_t end = std::min(n, (piece + 1) * size);
        loop_pace pace(hint);
        for (std::size_t i = piece * size; i != end;) {
            const std::size_t stop = std::min(end, i + pace.chunk());
            for (; i != stop; ++i) element(i);
            if (i != end) pace.next();
        }
    };
    if (count > 1) {
        split(std::size_t{0}, count - 1, 1, [&](std::size_t piece, std::size_t) {
            std::optional<T> sum;
            each(piece, [&](std::size_t i) {
                if (sum)
                    sum = op(*std::move(sum), at(from, i));
                else
                    sum.emplace(at(from, i));
            });
            before[piece + 1] = std::move(sum);
        });
    }
    before[0] = std::move(init);
    for (std::size_t piece = 1; piece < count; ++piece)
        if (before[piece - 1]) before[piece] = op(T(*before[piece - 1]), *std::move(before[piece]));
    split(std::size_t{0}, count, 1, [&](std::size_t piece, std::size_t) {
        std::optional<T> sum = std::move(before[piece]);
        each(piece, [&](std::size_t i) {
            std::optional<T> old;
            if constexpr (!Inclusive) old = sum;
            if (sum)
                sum = op(*std::move(sum), at(from, i));
            else
                sum.emplace(at(from, i));
            if constexpr (Inclusive)
                at(to, i) = *sum;
            else
                at(to, i) = *std::move(old);
        });
    });
}

} // namespace detail

/// out[i] = in[0] op in[1] op ... op in[i]. `op` must be associative; where the parentheses are depends on the number of
/// elements and the grain alone. Both have random access; `out` may be an iterator, and may be `in`. Else as parallel_for.
/// Throws std::invalid_argument if `out` is too short.
///
///     weft::parallel_inclusive_scan(in, out, std::plus<>{});
template <std::ranges::random_access_range In, class Out, class Op = std::plus<>>
void parallel_inclusive_scan(In&& in, Out&& out, Op op = {}, parallel_options options = {}) {
    using value = std::ranges::range_value_t<In>;
    const auto n = static_cast<std::size_t>(std::ranges::distance(in));
    detail::scan<true, value>(std::ranges::begin(in),
                              detail::begin_of_output(out, n, "parallel_inclusive_scan"), n,
                              std::nullopt, op, options.grain);
}

/// out[i] = init op in[0] op ... op in[i - 1]; out[0] = init.
template <std::ranges::random_access_range In, class Out, class T, class Op = std::plus<>>
void parallel_exclusive_scan(In&& in, Out&& out, T init, Op op = {},
                             parallel_options options = {}) {
    const auto n = static_cast<std::size_t>(std::ranges::distance(in));
    detail::scan<false, T>(std::ranges::begin(in),
                           detail::begin_of_output(out, n, "parallel_exclusive_scan"), n,
                           std::optional<T>(std::move(init)), op, options.grain);
}

} // namespace weft
