// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <vector>

#include <weft/compute/loop.hpp>

namespace weft {
namespace detail {

template <class Index, class Body>
class for_loop {
public:
    for_loop(Body& body, std::size_t grain) noexcept : body_(body), grain_(grain) {}

    // A few forks that can be robbed; what is left of a piece is split again when somebody asks for work.
    void run(Index begin, Index end) {
        const auto n = static_cast<std::size_t>(end - begin);
        if (n == 0) return;
        split(begin, end, piece_of(n, 4 * std::size_t{workers_here()}, grain_),
              [this](Index b, Index e) { run_piece(b, e); });
    }

private:
    void run_piece(Index begin, Index end) {
        loop_pace pace(hint_);
        for (;;) {
            const auto left = static_cast<std::size_t>(end - begin);
            const Index stop =
                left <= pace.chunk() ? end : begin + static_cast<Index>(pace.chunk());
            for (; begin != stop; ++begin) body_(begin);
            if (begin == end) return;
            if (!pace.next() || static_cast<std::size_t>(end - begin) < 2 * grain_ + 2) continue;
            const Index middle = begin + (end - begin) / 2;
            gather_calls([=, this] { run_piece(begin, middle); },
                         [=, this] { run_piece(middle, end); });
            return;
        }
    }

    Body& body_;
    const std::size_t grain_;
    loop_hint hint_;
};

} // namespace detail

/// Calls body(i) for each i of [first, last), in any order, in parallel where workers are idle. The body may await; its core
/// goes on with other work. If one throws, or the caller is cancelled, no further chunk begins, those that run are cancelled
/// and joined, and the first error is thrown. On a plain thread: in order, here. Suspends; a cancel point between chunks.
///
///     weft::parallel_for(0, n, [&](std::size_t i) { out[i] = f(in[i]); });
///     weft::parallel_for(0, n, body, {.grain = 1024});
template <std::integral First, std::integral Last, class Body>
    requires std::invocable<Body&, std::common_type_t<First, Last>>
void parallel_for(First first, Last last, Body&& body, parallel_options options = {}) {
    using index = std::common_type_t<First, Last>;
    if (std::cmp_greater_equal(first, last)) return;
    detail::for_loop<index, std::remove_reference_t<Body>> loop(body, options.grain);
    loop.run(static_cast<index>(first), static_cast<index>(last));
}

/// f(x) for each element of a range. One without random access is walked once before.
template <std::ranges::forward_range R, class F>
    requires std::invocable<F&, std::ranges::range_reference_t<R>>
void parallel_for_each(R&& range, F&& f, parallel_options options = {}) {
    if constexpr (std::ranges::random_access_range<R>) {
        const auto begin = std::ranges::begin(range);
        using step = std::ranges::range_difference_t<R>;
        parallel_for(
            step{0}, static_cast<step>(std::ranges::distance(range)), [&](step i) { f(begin[i]); },
            options);
    } else {
        std::vector<std::ranges::iterator_t<R>> places;
        for (auto at = std::ranges::begin(range); at != std::ranges::end(range); ++at)
            places.push_back(at);
        parallel_for(
            std::size_t{0}, places.size(), [&](std::size_t i) { f(*places[i]); }, options);
    }
}

} // namespace weft
