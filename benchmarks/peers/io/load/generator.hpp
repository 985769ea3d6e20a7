// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "connection.hpp"
#include "histogram.hpp"

namespace load {

struct plan {
    unsigned connections = 64;
    unsigned idle = 0; ///< further connections: each asks once and stays open
    std::chrono::duration<double> warm_up{0.3};
    std::chrono::duration<double> measured{3};
    double rate = 0; ///< requests a second; 0: closed loop
};

struct result {
    histogram latencies;            ///< of the answers within the measured time
    std::uint64_t all_requests = 0; ///< with those of the warm-up
    std::uint64_t unanswered =
        0; ///< open loop: due within the measured time, not answered 2 s after it
    double oldest_open_us =
        0; ///< closed loop: age of the oldest request still in flight at the end
    faults wrong;
};

/// Closed loop: every connection keeps exactly one request in flight.
/// Open loop: requests fall due at a fixed rate whatever the server does, and latency counts from the moment a request
/// was due, so a stalled server is not flattered; those that find no free connection wait in order.
result generate(const exchange& what, const plan& how);

} // namespace load
