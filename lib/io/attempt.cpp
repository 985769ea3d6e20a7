// SPDX-License-Identifier: Apache-2.0
#include "io/attempt.hpp"

#include <sched.h>

#include <cerrno>

#include "sched/scheduler.hpp"

namespace weft::detail {

/// What submit calls just before the operation becomes visible.
struct io_attempt::wait_start {
    wait& w;
    bool refused = false;

    static bool begin(operation& op, void* context) {
        auto& self = *static_cast<wait_start*>(context);
        self.refused = !self.w.begin();
        if (!self.refused) op.who = self.w.self();
        return !self.refused;
    }
};

namespace {

// How often in a row it was waited on from a worker of another reactor: descriptor::follow moves it then.
void note_wait(io_slot& slot, const reactor* watched_by, scheduler& home) noexcept {
    const bool elsewhere = watched_by != &home.local_reactor();
    const unsigned so_far = slot.waits_elsewhere.load(std::memory_order_relaxed);
    if (elsewhere || so_far != 0)
        slot.waits_elsewhere.store(elsewhere ? so_far + 1 : 0, std::memory_order_relaxed);
}

} // namespace

wait_reason io_attempt::why() const noexcept {
    return direction_of(operation_.kind) == io_direction::read ? wait_reason::descriptor_read
                                                               : wait_reason::descriptor_write;
}

void await_let_go(const operation& op) noexcept {
    for (int i = 0; !op.let_go.load(std::memory_order_acquire);
         ++i) // pairs with the completer's store
        i < 100 ? cpu_pause() : static_cast<void>(sched_yield());
}

io_attempt::io_attempt(io_slot& slot, operation_kind kind, void* buffer,
                       std::size_t size) noexcept {
    operation_.kind = kind;
    operation_.slot = &slot;
    operation_.buffer = buffer;
    operation_.size = size;
}

io_attempt::step io_attempt::result_or_again() const noexcept {
    return operation_.result == -EAGAIN ? step::again : step::done;
}

io_attempt::step io_attempt::submit(wait& w, scheduler& home) noexcept {
    wait_start start{w};
    operation_.who = {};
    reactor* const watched_by = operation_.slot->home.load(std::memory_order_relaxed);
    kernel_ = &watched_by->kernel();
    pending_ = !kernel_->submit(operation_, &wait_start::begin, &start);
    if (pending_) {
        note_wait(*operation_.slot, watched_by, home);
        return step::waits;
    }
    if (start.refused) return step::cancelled;
    // Begun, then not needed. Who ended it meanwhile (a cancel) also makes us run: that must be met.
    if (operation_.who.who != nullptr && !w.withdraw()) return step::waits;
    return result_or_again();
}

io_attempt::step io_attempt::ended(wait_end how) noexcept {
    if (pending_ && how != wait_end::notified) {
        bool took_effect = false;
        if (!kernel_->retract(operation_)) {
            await_let_go(operation_);
            took_effect = operation_.result != -EAGAIN && operation_.result != -ECANCELED;
        }
        if (!took_effect) return how == wait_end::cancelled ? step::cancelled : step::expired;
    }
    return result_or_again(); // done: a cancel comes next time
}

} // namespace weft::detail
