// SPDX-License-Identifier: Apache-2.0
// Who takes part. An adapter has some of these, and a workload asks by `requires` whether it has what it needs:
//
//   name                          in the benchmarks' names
//   run(workers, root)            calls root() once, as a task on that many workers, and returns after it
//   one_by_one                    operator()(f): a task for f, awaited
//   group                         create(f), join(): tasks, awaited all
//   yield(), sleep_for(d)
//   gate                          wait() by any number of tasks, set() once by anybody, plain threads too
//   mutex                         lock(), unlock()
//   channel                       channel(capacity; 0 hands over directly), send(v), receive()
//   result                        one hand-over of a value: set(v), get()
#pragma once

#include "floors.hpp"
#include "threads_peer.hpp"
#include "weft_peer.hpp"
#if WEFT_BENCH_BOOST_FIBER
#    include "boost_fiber_peer.hpp"
#endif
#if WEFT_BENCH_TBB
#    include "tbb_peer.hpp"
#endif

namespace bench {

/// f.operator()<Peer>() for each runtime; true, so that it can initialise a constant.
template <class F>
bool for_each_peer(F f) {
    f.template operator()<weft_peer>();
#if WEFT_BENCH_BOOST_FIBER
    f.template operator()<boost_fiber_peer>();
#endif
#if WEFT_BENCH_TBB
    f.template operator()<tbb_peer>();
#endif
    f.template operator()<threads_peer>();
    return true;
}

} // namespace bench
