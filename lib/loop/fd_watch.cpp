// SPDX-License-Identifier: Apache-2.0
#include "loop/fd_watch.hpp"

#include <sched.h>

#include <system_error>

#include "io/attempt.hpp"
#include "loop/loop_core.hpp"
#include "reactor/readiness.hpp"

namespace weft::detail {

fd_watch::fd_watch(loop_core& loop, int fd, io_direction direction, unique_function<void()> f,
                   const void* site)
    : loop_(loop),
      fd_(fd),
      function_(std::move(f)),
      site_(site) {
    op_.kind =
        direction == io_direction::read ? operation_kind::readable : operation_kind::writable;
}

void fd_watch::start() {
    registration_.emplace(loop_.runtime().sched(), loop_.home(), fd_);
    if (const int error = registration_->error())
        throw std::system_error(error, std::generic_category(),
                                "weft: descriptor " + std::to_string(fd_) + " can't be watched");
    op_.slot = &registration_->slot();
    arm();
}

bool fd_watch::begin_wait(operation& op, void* self) {
    auto& watch = *static_cast<fd_watch*>(self);
    watch.word.begin(false);
    op.who = {&watch, watch.word.epoch()};
    return true;
}

// Asks to be told when the descriptor is ready; if it is already, the next turn comes at once.
void fd_watch::arm() {
    callback_ref next = loop_.make([self = shared_from_this()] { self->turn(); }, site_);
    std::unique_lock guard(mutex_);
    if (stopped_.load(std::memory_order_relaxed)) {
        guard.unlock();
        return loop_.unmake(std::move(next));
    }
    if (std::exchange(armed_, false)) await_resumed();
    resumed_.store(false, std::memory_order_relaxed);
    op_.who = {};
    op_.let_go.store(false, std::memory_order_relaxed);
    next_ = next;
    armed_ = true; // before others see op_
    if (!loop_.home().kernel().submit(op_, &fd_watch::begin_wait, this)) return;
    armed_ = false; // nobody has seen it
    if (op_.who.who != nullptr) op_.who.claim(wait_end::notified);
    next_ = {};
    guard.unlock();
    if (op_.result == 0)
        loop_.queue(std::move(next));
    else
        loop_.unmake(std::move(next)); // closed by its owner meanwhile: no turn will come
}

// By the driver of the reactor: it is ready.
void fd_watch::resume() noexcept {
    loop_.queue(std::move(next_));
    resumed_.store(true,
                   std::memory_order_release); // pairs with await_resumed; then this may be gone
}

// resume is some instructions from its end.
void fd_watch::await_resumed() const noexcept {
    while (!resumed_.load(std::memory_order_acquire)) sched_yield(); // pairs with resume
}

// In the loop.
void fd_watch::turn() {
    if (stopped_.load(std::memory_order_relaxed)) return;
    std::exception_ptr error;
    // An edge says that it was ready once: what it told of may have been taken away since.
    if (try_operation(op_.kind, fd_, nullptr, 0) == 0) {
        try {
            function_();
        } catch (...) { error = std::current_exception(); }
    }
    if (!stopped_.load(std::memory_order_relaxed)) arm();
    if (error) std::rethrow_exception(error);
}

void fd_watch::stop() noexcept {
    callback_ref unused;
    {
        const std::lock_guard guard(mutex_);
        if (stopped_.exchange(true, std::memory_order_relaxed)) return;
        if (std::exchange(armed_, false)) {
            if (op_.who.claim(wait_end::cancelled)) {
                if (!loop_.home().kernel().retract(op_)) await_let_go(op_);
                unused = std::move(next_);
            } else {
                await_resumed();
            }
        }
        registration_.reset();
    }
    if (unused) loop_.unmake(std::move(unused));
}

} // namespace weft::detail
