// SPDX-License-Identifier: Apache-2.0
#include "process/bell_listener.hpp"

#include <system_error>
#include <vector>

#include "io/attempt.hpp"
#include "process/pool.hpp"
#include "sched/scheduler.hpp"
#include "task/callbacks.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {
namespace {

/// The listeners of a runtime: they end before its reactors.
class listeners final : public attachment {
public:
    void add(const std::shared_ptr<bell_listener>& one) {
        const std::lock_guard guard(mutex_);
        if (ended_) return one->stop();
        std::erase_if(all_, [](const auto& l) { return l.expired(); });
        all_.push_back(one);
    }
    void shut_down() noexcept override {
        std::vector<std::weak_ptr<bell_listener>> all;
        {
            const std::lock_guard guard(mutex_);
            all.swap(all_);
            ended_ = true;
        }
        for (const auto& l : all)
            if (const auto one = l.lock()) one->leave();
    }

private:
    std::mutex mutex_; // guards the rest
    bool ended_ = false;
    std::vector<std::weak_ptr<bell_listener>> all_;
};

std::unique_ptr<attachment> make_listeners(runtime_core&) { return std::make_unique<listeners>(); }

} // namespace

bell_listener::bell_listener(std::weak_ptr<process_pool> pool, runtime_core& runtime) noexcept
    : pool_(std::move(pool)),
      runtime_(runtime) {
    op_.kind = operation_kind::readable;
}

std::shared_ptr<bell_listener> bell_listener::start(std::weak_ptr<process_pool> pool,
                                                    runtime_core& runtime, int bell) {
    auto fresh = std::make_shared<bell_listener>(std::move(pool), runtime);
    fresh->bell_.emplace(runtime.sched(), runtime.sched().local_reactor(), bell);
    if (const int error = fresh->bell_->error())
        throw std::system_error(error, std::generic_category(),
                                "weft: a runtime can't hear a process pool");
    fresh->arm();
    static_cast<listeners&>(runtime.attached(make_listeners)).add(fresh);
    return fresh;
}

// The counter is never read: each ring is an edge. One that came before is used up here, so mail is looked for afterwards.
void bell_listener::arm() {
    const std::lock_guard guard(mutex_);
    if (has_stopped()) return;
    io_slot& slot = bell_->slot();
    itself_ = shared_from_this();
    op_.slot = &slot;
    op_.let_go.store(false, std::memory_order_relaxed);
    slot.direction(io_direction::read)
        .submit(
            op_, {}, slot.hung_up, [] { return ssize_t{-EAGAIN}; },
            [this] {
                word.begin(false);
                op_.who = {this, word.epoch()};
                return true;
            });
}

// By the driver of the reactor.
void bell_listener::resume() noexcept {
    callback_list next;
    next.push_back({[self = std::move(itself_)] { self->heard(); }, 0});
    run_soon(&runtime_, std::move(next));
}

void bell_listener::heard() {
    arm();
    if (const auto pool = pool_.lock()) pool->collect_mail();
}

void bell_listener::stop() noexcept {
    std::shared_ptr<bell_listener> itself; // gone after the guard
    const std::lock_guard guard(mutex_);
    if (stopped_.exchange(true, std::memory_order_relaxed)) return;
    if (op_.who.claim(wait_end::cancelled)) {
        itself = std::move(itself_);
        io_slot& slot = bell_->slot();
        if (!slot.direction(io_direction::read).retract(op_)) await_let_go(op_);
    }
    bell_.reset();
}

void bell_listener::leave() noexcept {
    stop();
    if (const auto pool = pool_.lock()) pool->forget(*this);
}

} // namespace weft::detail
