// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <weft/task/future_core.hpp>

namespace weft::detail {

class runtime_core;

/// Calls each in order; what one throws is reported and the rest run.
void run_callbacks(std::vector<done_call>& callbacks) noexcept;

/// The same on a fiber of the runtime, soon. Where no stack can be had, here and now.
void run_soon(runtime_core& runtime, std::vector<done_call> callbacks) noexcept;

} // namespace weft::detail
