// SPDX-License-Identifier: Apache-2.0
// Greenlets on each kind of strand, and what they must leave behind: no stack, and nothing of their frames.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "greenlet/stacks.hpp"
#include "support/runtimes.hpp"

namespace weft::testing {

/// The process keeps the stacks that greenlets ever needed at a time: here, before somebody counts.
inline void warm_up_stacks() {
    static const bool warm = [] {
        std::vector<greenlet<>> all;
        for (int i = 0; i < many(400); ++i)
            all.emplace_back([] { this_greenlet::parent().switch_to(); }).switch_to();
        return true;
    }();
    static_cast<void>(warm);
}

/// Runs the body on the test's own thread, on a thread of its own, and in tasks of runtimes with 1, 2 and 4 workers.
inline void on_every_strand(const std::function<void()>& body) {
    warm_up_stacks();
    const std::size_t stacks = detail::live_greenlet_stacks();
    const int objects = counted::alive;
    const int where = GENERATE(range(0, 5));
    CAPTURE(where);
    if (where == 0)
        body();
    else if (where == 1)
        std::thread(body).join();
    else
        weft::run({.workers = 1U << (where - 2)}, body);
    CHECK(counted::alive == objects);
    // The strand of the test's own thread keeps one for its next greenlet.
    CHECK(detail::live_greenlet_stacks() <= stacks + (where == 0 ? 1 : 0));
}

/// The message of a std::exception that f throws; "" if none.
template <class F>
std::string thrown_by(F f) {
    try {
        f();
    } catch (const std::exception& e) { return e.what(); }
    return "";
}

inline std::exception_ptr error_of(const char* what) {
    return std::make_exception_ptr(std::runtime_error(what));
}

/// Says what happens, and checks in order.
using steps = std::vector<int>;

} // namespace weft::testing
