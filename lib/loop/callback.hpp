// SPDX-License-Identifier: Apache-2.0
// One callback of a loop: what to call, and the fiber that its turn takes. Protocol: README.md.
#pragma once

#include <atomic>

#include <weft/base/intrusive_list.hpp>
#include <weft/base/unique_function.hpp>
#include <weft/fiber/fiber.hpp>
#include <weft/loop/handle.hpp>

#include "reactor/timer.hpp"

namespace weft::detail {

class loop_core;
class callback;

/// Its place among a loop's timers.
struct callback_timer : timer, list_hook {
    callback* of = nullptr;
};

/// | field            | written by                                                                     |
/// |------------------|--------------------------------------------------------------------------------|
/// | state_           | once, by who calls it or cancels it                                            |
/// | function_        | by the same; context_ by who calls it                                          |
/// | the list_hook    | the loop's queue, under its lock                                               |
/// | time             | the loop's timers, under timers_mutex_; the timer itself as the reactor says   |
class callback final : public fiber, public list_hook {
public:
    /// Counted once, for the caller.
    callback(loop_core& loop, unique_function<void()> f, const void* site);

    void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
    void drop_ref() noexcept {
        // acq_rel: all use through other references comes before the end
        if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    /// Calls the function, in the running fiber, unless it was cancelled. What it throws is reported.
    void call() noexcept;
    /// True: it will never be called; what it captured is gone.
    bool cancel() noexcept;
    [[nodiscard]] bool was_cancelled() const noexcept {
        return state_.load(std::memory_order_relaxed) == state::cancelled;
    }

    [[nodiscard]] loop_core& owner() const noexcept { return loop_; }

    void run() noexcept override;
    void print_owner(int fd) const noexcept override;
    [[noreturn]] void throw_cancelled() override;

    callback_timer time;

private:
    enum class state : unsigned char { pending, called, cancelled };
    void call_function() noexcept;

    loop_core& loop_;
    std::atomic<unsigned> refs_{1};
    std::atomic<state> state_{state::pending};
    unique_function<void()> function_;
    context_ref context_; // of who scheduled it
    const void* const site_;
};

} // namespace weft::detail
