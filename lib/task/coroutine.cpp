// SPDX-License-Identifier: Apache-2.0
#include <weft/task/coroutine.hpp>

#include <cstdio>

#include "task/runtime_core.hpp"

namespace weft::detail {

std::shared_ptr<reporter> coroutine_watch() noexcept {
    const runtime_core* r = current_runtime_or_null();
    return r != nullptr && r->debug() ? r->exceptions() : nullptr;
}

void report_never_awaited(const std::shared_ptr<reporter>& to, const void* made_at) noexcept {
    char text[64];
    std::snprintf(text, sizeof text, "a coroutine made by the code at %p", made_at);
    to->report({"a coroutine was never awaited",
                std::make_exception_ptr(invalid_state(std::string("weft: ") + text +
                                                      " was destroyed without having run")),
                {},
                nullptr,
                0});
}

} // namespace weft::detail
