// SPDX-License-Identifier: Apache-2.0
#include <weft/task/timeout.hpp>

#include <stdexcept>

#include "task/runtime_core.hpp"

namespace weft {

// The timer cancels the task as anybody else would; the count of requests tells the scope's own from others' (asyncio's
// rule): if the scope takes its own back and others are left, they win.
struct timeout_scope::limit : detail::timer {
    detail::task_base* task = nullptr;
    unsigned requests_before = 0;
    std::atomic<bool> fired{false};
    bool ended = false;

    static void expire(detail::timer& t) noexcept {
        auto& self = static_cast<limit&>(t);
        self.fired.store(true, std::memory_order_release); // pairs with expired
        self.task->core().cancel({});
    }
    void arm(detail::deadline_ns deadline) {
        when = deadline;
        if (deadline == detail::k_never) return;
        if (deadline <= clock::now().time_since_epoch().count())
            return expire(*this); // the body's first wait throws
        task->home().local_reactor().add(*this);
    }
};

timeout_scope::timeout_scope(detail::deadline_ns deadline) {
    detail::task_base* task = detail::current_task_base();
    if (task == nullptr) throw std::logic_error("weft::timeout outside a task");
    limit_ = std::make_unique<limit>();
    limit_->fire = limit::expire;
    limit_->task = task;
    limit_->requests_before = task->cancelling();
    limit_->arm(deadline);
}

timeout_scope::~timeout_scope() { leave(); }

bool timeout_scope::leave() noexcept {
    if (limit_->ended) return false;
    limit_->ended = true;
    detail::reactor::remove(*limit_);
    return expired() && limit_->task->uncancel() <= limit_->requests_before;
}

bool timeout_scope::expired() const noexcept {
    return limit_->fired.load(std::memory_order_acquire);
} // pairs with expire

std::optional<clock::time_point> timeout_scope::when() const noexcept {
    if (limit_->when == detail::k_never) return {};
    return clock::time_point(std::chrono::nanoseconds(limit_->when));
}

void timeout_scope::reschedule(std::optional<clock::time_point> t) {
    if (limit_->ended || expired())
        throw invalid_state("weft: reschedule of a timeout that has passed or ended");
    if (!detail::reactor::remove(*limit_) && expired())
        throw invalid_state("weft: reschedule of a timeout that has passed");
    limit_->arm(t ? t->time_since_epoch().count() : detail::k_never);
}

} // namespace weft
