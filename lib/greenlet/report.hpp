// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

namespace weft::detail {

/// Who takes what the clean-up of a dropped greenlet throws. Set by the layer that has runtimes; until then, stderr.
using cleanup_reporter = void (*)(const char* what, std::exception_ptr e) noexcept;
void report_cleanups_to(cleanup_reporter reporter) noexcept;
void report_cleanup(const char* what, std::exception_ptr e) noexcept;

} // namespace weft::detail
