// SPDX-License-Identifier: Apache-2.0
// Letting go: unwinding what is suspended, here, later, or at the strand's end.
#include <mutex>
#include <stdexcept>

#include "base/assert.hpp"
#include "greenlet/report.hpp"
#include "greenlet/stacks.hpp"
#include <weft/context/switch.hpp>
#include <weft/greenlet/strand.hpp>

namespace weft::detail {
namespace {

constexpr const char* k_refused = "a greenlet or generator that was let go of suspended itself "
                                  "again and again; its stack is abandoned";

} // namespace

// Throws greenlet_exit where it is suspended; comes back when it has ended, or, false, when it refuses. Throws what its
// clean-up does.
bool strand::unwind(greenlet_core& core) {
    core.parent_ = current_;
    core.is_active_ = true; // should it yield, that leads back here
    error_ = std::make_exception_ptr(greenlet_exit{});
    yielded_ = nullptr;
    what_ = {};
    jump(core);
    if (yielded_ == &core) return false;
    if (!core.finished()) {
        core.is_active_ = false;
        core.parent_ = core.creator_;
    }
    arrive();
    return core.finished();
}

void strand::close(greenlet_core& g) {
    look_at_dropped();
    if (g.finished()) return;
    bind(g);
    if (g.is_active_ || &g == current_)
        throw std::logic_error("weft::generator: close of one that is running");
    if (!g.started()) {
        g.drop_body();
        return set_finished(g);
    }
    if (!unwind(g))
        throw std::runtime_error("weft::generator: it yielded a value while it was closed");
}

void strand::drop(greenlet_core& core) noexcept {
    if (core.started() && !core.finished()) {
        strand& own = *core.strand_.load(std::memory_order_relaxed); // since it is started
        if (here_or_null() != &own || own.is_busy(core)) {
            if (own.drop_later(core)) return;
        } else {
            own.drop_now(core);
        }
    } else if (!core.started()) {
        core.drop_body();
        set_finished(core); // its children ask
    }
    core.drop_ref();
}

void strand::drop_now(greenlet_core& core) noexcept {
    constexpr int k_patience = 16;
    ++dropping_;
    for (int i = 0; !core.finished() && i < k_patience; ++i) {
        try {
            unwind(core);
        } catch (...) {
            report_cleanup("the clean-up of a greenlet or generator threw",
                           std::current_exception());
        }
    }
    --dropping_;
    if (core.finished()) return;
    report_cleanup(k_refused, std::make_exception_ptr(greenlet_exit{}));
    started_.remove(core);
    set_finished(core);
}

// False: the strand has ended, and with it this one.
bool strand::drop_later(greenlet_core& core) noexcept {
    const std::lock_guard guard(lock_);
    if (ended_) return false;
    core.next_dropped_ = dropped_.load(std::memory_order_relaxed);
    dropped_.store(&core, std::memory_order_relaxed);
    return true;
}

void strand::drop_all_later() noexcept {
    greenlet_core* list = nullptr;
    {
        const std::lock_guard guard(lock_);
        list = dropped_.load(std::memory_order_relaxed);
        dropped_.store(nullptr, std::memory_order_relaxed);
    }
    while (list != nullptr) {
        greenlet_core& core = *std::exchange(list, list->next_dropped_);
        if (is_busy(core) && drop_later(core)) continue;
        if (!core.finished()) drop_now(core);
        core.drop_ref();
    }
}

void strand::end() noexcept {
    WEFT_ASSERT(current_ == &root_);
    do {
        while (greenlet_core* core = started_.front()) {
            core->add_ref(); // its clean-up may let go of its own handle
            drop_now(*core);
            core->drop_ref();
        }
        drop_all_later();
        const std::lock_guard guard(lock_);
        ended_ = started_.empty() && dropped_.load(std::memory_order_relaxed) == nullptr;
    } while (!ended_);
    if (spare_ != nullptr) give_greenlet_stack(std::exchange(spare_, nullptr));
    root_.stack_->greenlets = nullptr;
    drop_ref();
}

// Clean-up that a destructor waits for must not be cut short by a cancel; nor must whatever runs while an ancestor unwinds.
bool strand::masks_cancel() const noexcept {
    if (dropping_ != 0) return true;
    if (current_ == &root_) return false;
    for (const greenlet_core* c = current_->parent_; c != nullptr && owns(*c); c = c->parent_)
        if (c->stack_ != nullptr && c->stack_->eh.uncaught != 0) return true;
    return root_.stack_->eh.uncaught != 0;
}

void drop_greenlet(greenlet_core* core) noexcept {
    if (core != nullptr) strand::drop(*core);
}

void end_strand(stack_head& base) noexcept { base.greenlets->end(); }

} // namespace weft::detail
