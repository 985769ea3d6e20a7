// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <weft/task/runtime.hpp>

namespace weft::testing {

/// weft::run for tests of what depends on order and time: the same seed gives the same run.
///
/// One worker. The task that runs next is drawn by the seed from those that are ready, at each wait and yield; callbacks keep
/// their order; with seed 0 it is first come, first served. Time is virtual: clock::now() stands still while anything is ready,
/// and then jumps to the next deadline, so a sleep of an hour costs nothing. There is no IO: sockets refuse. What comes from
/// other threads (executors, plain threads) comes when it comes.
///
/// Blocks a plain thread; std::logic_error from within a task. Returns or throws what f does; when f has ended, tasks still alive
/// are cancelled and joined.
///
///     for (std::uint64_t seed = 0; seed < 1000; ++seed)
///         weft::testing::run(seed, [] { a_scenario_whose_outcome_must_not_depend_on_the_order(); });
template <class F>
auto run(std::uint64_t seed, F&& f) {
    detail::require_plain_thread("weft::testing::run");
    runtime rt({}, detail::testing_options{.virtual_time = true, .seed = seed});
    return rt.block_on(std::forward<F>(f));
}

} // namespace weft::testing
