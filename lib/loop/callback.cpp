// SPDX-License-Identifier: Apache-2.0
#include "loop/callback.hpp"

#include <weft/base/error.hpp>
#include <weft/greenlet/greenlet_core.hpp>

#include "base/signal_print.hpp"
#include "base/thread_stack.hpp"
#include "loop/loop_core.hpp"

namespace weft::detail {
namespace {

std::string scheduled_by(const void* site) { return "scheduled by " + describe_code(site); }

} // namespace

callback::callback(loop_core& loop, unique_function<void()> f, const void* site)
    : fiber(loop.runtime().sched(), false),
      loop_(loop),
      function_(std::move(f)),
      context_(std::exchange(locals, {})),
      site_(site) {
    time.of = this;
}

void callback::call() noexcept {
    if (loop_.is_closed()) return void(cancel());
    state expected = state::pending;
    // acq_rel orders this and cancel: the function is ours
    if (!state_.compare_exchange_strong(expected, state::called, std::memory_order_acq_rel,
                                        std::memory_order_relaxed))
        return;
    if (time.fire != nullptr) loop_.forget(*this);
    call_function();
}

void callback::call_function() noexcept {
    runtime_core& runtime = loop_.runtime();
    const deadline_ns began = runtime.debug() ? time_source::monotonic_now() : 0;
    {
        const context_scope in(std::move(context_));
        unique_function<void()> f = std::move(function_);
        try {
            f();
        } catch (...) {
            if (!loop_.is_closed()) // else it was most likely cancelled
                runtime.exceptions()->report(
                    {"a callback of a loop, " + scheduled_by(site_) + ", threw",
                     std::current_exception(),
                     {},
                     nullptr,
                     0});
        }
    }
    end_greenlets();
    if (began == 0) return;
    const deadline_ns took = time_source::monotonic_now() - began;
    if (took >= runtime.slow_after())
        runtime.log("weft: a callback of a loop, " + scheduled_by(site_) + ", took " +
                    std::to_string(took / 1'000'000) + " ms");
}

bool callback::cancel() noexcept {
    state expected = state::pending;
    // acq_rel orders this and call: the function is ours
    if (!state_.compare_exchange_strong(expected, state::cancelled, std::memory_order_acq_rel,
                                        std::memory_order_relaxed))
        return false;
    const bool was_armed = time.fire != nullptr && loop_.forget(*this);
    {
        const unique_function<void()> f = std::move(function_);
        const context_ref context = std::move(context_);
    }
    if (was_armed) loop_.unmake(callback_ref::adopt(this)); // the timer's reference
    return true;
}

void callback::run() noexcept {
    loop_core& loop = loop_;
    loop.serve(*this);
    drop_ref();
    loop.fiber_ends();
}

void callback::print_owner(int fd) const noexcept {
    signal_print(fd, "a callback of a loop, scheduled by the code at 0x");
    signal_print(fd, reinterpret_cast<std::uintptr_t>(site_), 16);
}

void callback::throw_cancelled() {
    word.take_cancel();
    throw cancelled_error("the loop is closed");
}

} // namespace weft::detail

namespace weft {

handle::handle() noexcept = default;
handle::handle(const handle&) noexcept = default;
handle::handle(handle&&) noexcept = default;
handle& handle::operator=(const handle&) noexcept = default;
handle& handle::operator=(handle&&) noexcept = default;
handle::~handle() = default;
handle::handle(detail::core_ref<detail::callback> core) noexcept : core_(std::move(core)) {}

bool handle::cancel() const noexcept { return core_ && core_->cancel(); }
bool handle::cancelled() const noexcept { return core_ && core_->was_cancelled(); }

} // namespace weft
