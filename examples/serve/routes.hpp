// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>

#include <weft/http.hpp>
#include <weft/process.hpp>
#include <weft/weft.hpp>

#include "options.hpp"
#include "photos.hpp"
#include "stats.hpp"

namespace serve {

/// What the handlers share. Outlives the server.
struct services {
    std::chrono::nanoseconds unit; ///< what one unit of /compute costs
    photo_folder photos;
    weft::thread_pool_executor& pool;
    weft::process_pool_executor& parsers; ///< of /parse: a crash there costs one request
    stats counters;
    call_style compute = call_style::plain;
    call_style block = call_style::plain;
    std::atomic<unsigned> calls_in_the_making{
        0}; ///< of /compute and /block: nobody can cut them short
};

/// /plain, /compute?ms=N, /block?ms=N, /thumb?src=NAME&w=N, /parse?src=NAME and /metrics.
void add_routes(weft::http::server& web, services& with);

} // namespace serve
