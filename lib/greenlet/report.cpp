// SPDX-License-Identifier: Apache-2.0
#include "greenlet/report.hpp"

#include <atomic>
#include <cstdio>

#include <weft/base/error.hpp>

namespace weft::detail {
namespace {

std::atomic<cleanup_reporter> reporter{nullptr};

} // namespace

void report_cleanups_to(cleanup_reporter r) noexcept {
    reporter.store(r, std::memory_order_relaxed);
}

void report_cleanup(const char* what, std::exception_ptr e) noexcept {
    if (cleanup_reporter r = reporter.load(std::memory_order_relaxed)) return r(what, std::move(e));
    std::fprintf(stderr, "weft: %s: %s\n", what, describe(e).c_str());
}

} // namespace weft::detail
