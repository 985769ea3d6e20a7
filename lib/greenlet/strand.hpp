// SPDX-License-Identifier: Apache-2.0
// A thread or a task, as its greenlets see it: who of them runs, and what a switch brings along. Protocol: README.md.
#pragma once

#include <weft/base/spin_lock.hpp>
#include <weft/greenlet/greenlet_core.hpp>

#include "context/switch.hpp"

namespace weft::detail {

class strand {
public:
    /// The strand of the running stack; made if there is none yet. Throws std::bad_alloc.
    static strand& here();
    static strand* here_or_null() noexcept {
        stack_head* s = current_stack();
        return s != nullptr ? s->greenlets : nullptr;
    }
    /// Where the scheduler reads the stack on which it resumes a fiber. Set by the layer that has fibers, before any runs.
    static inline stack** (*slot_of)(fiber& f) noexcept = nullptr;

    strand(const strand&) = delete;
    strand& operator=(const strand&) = delete;

    [[nodiscard]] greenlet_core* current() noexcept {
        return current_ == &root_ ? nullptr : current_;
    }
    transfer switch_to(greenlet_core& to, transfer what, std::exception_ptr e);
    transfer switch_to_parent(greenlet_core* of, transfer what);
    transfer throw_into(greenlet_core& to, std::exception_ptr e);
    bool resume(greenlet_core& generator, void* in, std::exception_ptr* e);
    void* yield(greenlet_core& generator, void* out);
    void close(greenlet_core& generator);
    static void drop(greenlet_core& core) noexcept;
    /// Unwinds all that is suspended. On the root's stack, the last that happens there.
    void end() noexcept;

    /// The thread's or the task's own stack: it is there as long as they are.
    [[nodiscard]] stack& root_stack() noexcept { return *root_.stack_; }

    // ---- for the scheduler: the strand's task waits, or asks whether it may be cancelled -----------------------
    /// Calls f(stack&) for each stack that forks may have been left on.
    template <class F>
    void for_each_forked(F f) noexcept {
        if (!std::exchange(may_have_forks_, false)) return;
        f(*root_.stack_);
        for (greenlet_core* c = started_.front(); c != nullptr; c = started_.next(*c))
            f(*c->stack_);
    }
    [[nodiscard]] bool masks_cancel() const noexcept;
    /// Calls f(stack&) for the greenlet that runs, or waits, then its parents, down to the root.
    template <class F>
    void for_each_active(F f) const noexcept {
        for (const greenlet_core* c = current_; c != nullptr && c != &root_ && owns(*c);
             c = c->parent_)
            if (c->stack_ != nullptr) f(*c->stack_);
        f(*root_.stack_);
    }

private:
    class root_core final : public greenlet_core {
    public:
        explicit root_core(stack& s) noexcept;
        transfer run(transfer) override { return {}; }
        void drop_body() noexcept override {}
    };

    explicit strand(stack& base) noexcept;
    ~strand() = default;
    static void main(stack& s);
    static void after_end(stack& left) noexcept;

    strand& bind(greenlet_core& core);
    bool owns(const greenlet_core& core) const noexcept {
        return core.strand_.load(std::memory_order_relaxed) == this;
    }
    /// It runs, or somebody waits for its next value, who will look at it.
    bool is_busy(const greenlet_core& core) const noexcept {
        return &core == current_ || core.is_active_;
    }
    void provide_stack(greenlet_core& core);
    void jump(greenlet_core& to) noexcept;
    stack& set_current(greenlet_core& to) noexcept;
    transfer arrive();
    greenlet_core& heir_of(const greenlet_core& core) noexcept;
    void run_current(stack& s);
    greenlet_core& finish(greenlet_core& core, transfer result, std::exception_ptr e) noexcept;
    static void set_finished(greenlet_core& core) noexcept;
    transfer finish_fresh(greenlet_core& core, std::exception_ptr e);

    bool unwind(greenlet_core& core);
    void drop_now(greenlet_core& core) noexcept;
    bool drop_later(greenlet_core& core) noexcept;
    void drop_all_later() noexcept;
    void look_at_dropped() {
        if (dropped_.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
            drop_all_later();
    }
    void drop_ref() noexcept {
        // acq_rel: what others did with it comes before its end
        if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }
    friend class greenlet_core;

    root_core root_;
    greenlet_core* current_ = &root_;
    stack** slot_;
    transfer what_;
    std::exception_ptr error_;
    greenlet_core* yielded_ = nullptr; // the generator that has just yielded
    stack* spare_ = nullptr;           // of the last one that ended
    bool may_have_forks_ = false;
    unsigned dropping_ = 0;
    intrusive_list<greenlet_core> started_; // those that have a stack
    stack* unused_slot_ = nullptr;          // slot_ of a plain thread

    std::atomic<unsigned> refs_{1};
    spin_lock lock_; // guards ended_, and the changes of dropped_
    bool ended_ = false;
    std::atomic<greenlet_core*> dropped_{nullptr};
};

// What a wait of the task finds: see README.md, "Tasks that move".
[[gnu::always_inline]] inline stack& strand::set_current(greenlet_core& to) noexcept {
    stack& s = *to.stack_;
    if (current_->stack_ != nullptr && !current_->stack_->forks.empty()) [[unlikely]]
        may_have_forks_ = true;
    current_ = &to;
    *slot_ = &s;
    s.saved.store(false, std::memory_order_relaxed);
    return s;
}

[[gnu::always_inline]] inline void strand::jump(greenlet_core& to) noexcept {
    stack& from = *current_->stack_;
    switch_stacks(from, set_current(to), after_leave); // only this strand comes back to it
}

[[gnu::always_inline]] inline transfer strand::arrive() {
    if (error_) [[unlikely]]
        std::rethrow_exception(std::exchange(error_, nullptr));
    return what_;
}

} // namespace weft::detail
