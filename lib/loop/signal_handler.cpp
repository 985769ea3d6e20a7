// SPDX-License-Identifier: Apache-2.0
#include "loop/signal_handler.hpp"

#include "loop/loop_core.hpp"

namespace weft::detail {

void signal_handler::arrived() noexcept {
    try {
        loop_.post(
            [self = shared_from_this()] {
                if (!self->stopped_.load(std::memory_order_relaxed)) self->function_();
            },
            site_);
    } catch (const runtime_closed&) { // stop follows
    } catch (...) {
        loop_.runtime().exceptions()->report({"a signal was lost: no memory for its handler",
                                              std::current_exception(),
                                              {},
                                              nullptr,
                                              0});
    }
}

} // namespace weft::detail
