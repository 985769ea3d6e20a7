// SPDX-License-Identifier: Apache-2.0
#include <weft/task/coroutine.hpp>

#include "base/thread_stack.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {

std::shared_ptr<reporter> coroutine_watch() noexcept {
    const runtime_core* r = current_runtime_or_null();
    return r != nullptr && r->debug() ? r->exceptions() : nullptr;
}

void report_never_awaited(const std::shared_ptr<reporter>& to, const void* made_at) noexcept {
    to->report({"a coroutine was never awaited",
                std::make_exception_ptr(invalid_state("weft: a coroutine made by " +
                                                      describe_code(made_at) +
                                                      " was destroyed without having run")),
                {},
                nullptr,
                0});
}

} // namespace weft::detail
