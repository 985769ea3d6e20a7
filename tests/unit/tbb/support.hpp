// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <oneapi/tbb/global_control.h>
#include <weft/tbb.hpp>

#include "support/runtimes.hpp"

namespace weft::testing {

/// A test that uses oneTBB: as many of its workers as arenas ask for, whatever the machine; they are joined at the end, and
/// nothing else is left.
class tbb_session {
public:
    tbb_session() = default;
    ~tbb_session() { CHECK(::tbb::finalize(handle_, std::nothrow)); }
    tbb_session(const tbb_session&) = delete;
    tbb_session& operator=(const tbb_session&) = delete;

private:
    leak_fixture nothing_leaks_{false};
    ::tbb::global_control workers_{::tbb::global_control::max_allowed_parallelism, 8};
    ::tbb::task_scheduler_handle handle_{::tbb::attach{}};
};

} // namespace weft::testing
