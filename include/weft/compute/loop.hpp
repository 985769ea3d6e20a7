// SPDX-License-Identifier: Apache-2.0
// What the parallel algorithms have in common: how a range is split, and what happens between two chunks of it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <weft/compute/gather.hpp>

namespace weft {

/// What a parallel algorithm may be told.
struct parallel_options {
    std::size_t grain = 0; ///< elements: no piece is made smaller; 0: chosen by the algorithm
};

namespace detail {

/// The pace of one loop, for all who run pieces of it. Relaxed: guesses.
struct loop_hint {
    std::atomic<std::size_t> chunk{1};    // elements that take some 20 us
    std::atomic<std::uint64_t> looked{0}; // TSC, when somebody came between two chunks
};

/// Cuts a piece of a loop into chunks of some 20 us. Between two of them the task can be cancelled, ready tasks and an overdue
/// reactor get their turn (design idea 4), and an idle worker may be given something.
class loop_pace {
public:
    explicit loop_pace(loop_hint& hint) noexcept
        : hint_(hint),
          chunk_(hint.chunk.load(std::memory_order_relaxed)) {}

    /// So many elements until the next call of next.
    [[nodiscard]] std::size_t chunk() const noexcept { return chunk_; }
    /// After a chunk, if more follows. True: an idle worker wants work, and there is no fork to give it: split the rest.
    /// Throws if the task is cancelled; may suspend.
    bool next();

private:
    loop_hint& hint_;
    std::size_t chunk_;
    std::uint64_t began_ = 0; // the chunk that runs now, TSC; 0: the first
};

/// Of the running task's runtime; 1 on a plain thread.
unsigned workers_here() noexcept;

/// Calls leaf(begin, end) for pieces of at most `largest` elements: halves of halves, as forks. A function of the range's size
/// and `largest` alone; which worker runs what is not.
template <class Index, class Leaf>
void split(Index begin, Index end, std::size_t largest, const Leaf& leaf) {
    if (static_cast<std::size_t>(end - begin) <= largest) return leaf(begin, end);
    const Index middle = begin + (end - begin) / 2;
    gather_calls([=, &leaf] { split(begin, middle, largest, leaf); },
                 [=, &leaf] { split(middle, end, largest, leaf); });
}

/// The size of a piece if there are to be some `pieces` of a range of n.
inline std::size_t piece_of(std::size_t n, std::size_t pieces, std::size_t grain) noexcept {
    return std::max({n / pieces + (n % pieces != 0), grain, std::size_t{1}});
}

} // namespace detail
} // namespace weft
