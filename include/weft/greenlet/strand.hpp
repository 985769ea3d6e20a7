// SPDX-License-Identifier: Apache-2.0
// A thread or a task, as its greenlets see it: who of them runs, and what a switch brings along. Protocol: README.md.
#pragma once

#include <weft/base/spin_lock.hpp>
#include <weft/greenlet/greenlet_core.hpp>

#include <weft/context/switch.hpp>

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
    /// Is the library built to jump in line? Only then may code that is not its own do so.
    [[nodiscard]] bool jumps_in_line() const noexcept { return jumps_in_line_; }
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

    [[noreturn]] static void throw_asks_itself();
    [[noreturn]] static void throw_not_here();
    [[noreturn]] static void throw_nobody_waits();
    bool resumed_by_hand(greenlet_core& generator);

    root_core root_;
    const bool jumps_in_line_;
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

// ---- generators: all in line, since a ret behind the jump that the other side's call does not belong to costs more than the jump

[[gnu::always_inline]] inline bool strand::resume(greenlet_core& g, void* in,
                                                  std::exception_ptr* e) {
    if (!owns(g)) [[unlikely]]
        bind(g);
    if (g.is_active_) [[unlikely]]
        throw_asks_itself();
    look_at_dropped();
    if (g.finished()) [[unlikely]]
        return false;
    if (g.stack_ == nullptr) [[unlikely]]
        provide_stack(g);
    g.is_active_ = true;
    g.parent_ = current_;
    g.in_ = in;
    if (e != nullptr) error_ = std::move(*e); // it is null between two switches
    yielded_ = nullptr;
    what_ = {};
    jump(g);
    if (yielded_ == &g) [[likely]]
        return true;
    return resumed_by_hand(g);
}

[[gnu::always_inline]] inline void* strand::yield(greenlet_core& g, void* out) {
    if (current_ != &g) [[unlikely]]
        throw_not_here();
    if (!g.is_active_) [[unlikely]]
        throw_nobody_waits();
    greenlet_core& to = *g.parent_;
    g.is_active_ = false;
    g.parent_ = nullptr;
    g.out_ = out;
    yielded_ = &g;
    jump(to);
    arrive();
    if (!g.is_active_) [[unlikely]]
        throw std::bad_any_cast(); // switched to by hand
    return g.in_;
}

/// The strand, if the caller may use it in line.
[[gnu::always_inline]] inline strand* strand_in_line() noexcept {
#if WEFT_JUMP_IN_LINE
    strand* s = strand::here_or_null();
    return s != nullptr && s->jumps_in_line() ? s : nullptr;
#else
    return nullptr;
#endif
}

/// Runs a generator until its next yield; false: it has ended. `in` is what the pending yield returns. Throws what its body does,
/// std::logic_error if it runs already, wrong_thread.
[[gnu::always_inline]] inline bool resume_generator(greenlet_core& g, void* in) {
    strand* s = strand_in_line();
    return s != nullptr ? s->resume(g, in, nullptr) : resume_generator_by_call(g, in);
}
/// In the generator's body; returns `in` of who resumes it, or throws.
[[gnu::always_inline]] inline void* yield_from_generator(greenlet_core& g, void* out) {
    strand* s = strand_in_line();
    return s != nullptr ? s->yield(g, out) : yield_by_call(g, out);
}

} // namespace weft::detail
