// SPDX-License-Identifier: Apache-2.0
// Switching. Letting go is in drop.cpp.
#include <weft/greenlet/strand.hpp>

#include <stdexcept>

#include "base/assert.hpp"
#include "context/overflow.hpp"
#include "greenlet/stacks.hpp"
#include <weft/context/switch.hpp>

namespace weft::detail {
namespace {

/// A plain thread's own stack, from its first greenlet to its end.
struct thread_root {
    signal_stack alternate;
    stack own;
    thread_state state;
    thread_root() { adopt_thread(own, state); }
    ~thread_root() {
        if (current_stack() != &own) return; // exit() in a greenlet: all stays as it is
        if (own.greenlets != nullptr) own.greenlets->end();
        release_thread(own);
    }
    thread_root(const thread_root&) = delete;
    thread_root& operator=(const thread_root&) = delete;
};

// Noinline: a thread-local must never be read in code that may continue on another thread.
[[gnu::noinline]] stack& this_thread_root() {
    static thread_local thread_root root;
    return root.own;
}

} // namespace

strand::root_core::root_core(stack& s) noexcept : greenlet_core(nullptr, {}) {
    stack_ = &s;
    state_.store(state::started, std::memory_order_relaxed);
}

strand::strand(stack& base) noexcept : root_(base), jumps_in_line_(WEFT_JUMP_IN_LINE) {
    base.greenlets = this;
    slot_ = base.owner != nullptr ? slot_of(*base.owner) : &unused_slot_;
}

strand& strand::here() {
    auto* s = static_cast<stack*>(current_stack());
    if (s == nullptr) s = &this_thread_root();
    return s->greenlets != nullptr ? *s->greenlets : *new strand(*s);
}

// The first who runs a greenlet owns it from then on.
strand& strand::bind(greenlet_core& core) {
    strand* owner = core.strand_.load(std::memory_order_relaxed);
    if (owner == this) return *this;
    if (owner != nullptr ||
        !core.strand_.compare_exchange_strong(owner, this, std::memory_order_relaxed))
        throw wrong_thread();
    refs_.fetch_add(1, std::memory_order_relaxed);
    return *this;
}

void strand::provide_stack(greenlet_core& core) {
    if (core.stack_ != nullptr) return;
    stack* s = core.stack_size_ == 0 ? std::exchange(spare_, nullptr) : nullptr;
    if (s == nullptr) s = take_greenlet_stack(core.stack_size_, &strand::main);
    s->owner = root_.stack_->owner;
    s->greenlets = this;
    allow_forks(*s, root_.stack_->forks.allows_forks());
    core.stack_ = s;
    core.state_.store(greenlet_core::state::started, std::memory_order_relaxed);
    started_.push_back(core);
}

transfer strand::switch_to(greenlet_core& to, transfer what, std::exception_ptr e) {
    look_at_dropped();
    if (to.finished()) throw greenlet_finished();
    if (&to != &root_) bind(to);
    provide_stack(to);
    what_ = what;
    error_ = std::move(e);
    yielded_ = nullptr;
    if (&to != current_) jump(to);
    return arrive();
}

transfer strand::switch_to_parent(greenlet_core* of, transfer what) {
    if (of == nullptr) of = current_;
    if (of == &root_)
        throw std::logic_error("weft: no greenlet runs here: a strand's root has no parent");
    return switch_to(heir_of(*of), what, nullptr);
}

transfer strand::throw_into(greenlet_core& to, std::exception_ptr e) {
    look_at_dropped();
    if (!to.finished()) {
        bind(to);
        if (to.started()) return switch_to(to, {}, std::move(e));
    }
    return finish_fresh(to, std::move(e));
}

// Its body never runs, or ran long ago: what was thrown at it rises in its parent.
transfer strand::finish_fresh(greenlet_core& core, std::exception_ptr e) {
    core.drop_body();
    try {
        std::rethrow_exception(e);
    } catch (const greenlet_exit&) { e = nullptr; } catch (...) {
    }
    greenlet_core& to = finish(core, {}, std::move(e));
    if (&to != current_) jump(to);
    return arrive();
}

// The nearest ancestor that has not finished; never one of another strand.
greenlet_core& strand::heir_of(const greenlet_core& core) noexcept {
    greenlet_core* p = core.parent_;
    while (p != nullptr && p->finished()) p = p->parent_;
    if (p == nullptr) return root_;
    return owns(*p) || p->strand_.load(std::memory_order_relaxed) == nullptr ? *p : root_;
}

// Sets what arrives where, and returns where. A parent that has not begun and can't be given a stack ends with that error.
greenlet_core& strand::finish(greenlet_core& core, transfer result, std::exception_ptr e) noexcept {
    greenlet_core* to = &heir_of(core);
    set_finished(core);
    while (to != &root_) {
        try {
            bind(*to);
            provide_stack(*to);
            break;
        } catch (const wrong_thread&) { // another thread has begun it this moment
            to = &root_;
        } catch (...) {
            e = std::current_exception();
            greenlet_core& next = heir_of(*to);
            to->drop_body();
            set_finished(*to);
            to = &next;
        }
    }
    what_ = result;
    error_ = std::move(e);
    yielded_ = nullptr;
    return *to;
}

void strand::set_finished(greenlet_core& core) noexcept {
    core.is_active_ = false;
    core.parent_ = core.creator_; // a generator's consumer may be gone before the generator is
    // release pairs with finished(): who sees it may rely on all that came before
    core.state_.store(greenlet_core::state::finished, std::memory_order_release);
}

void strand::main(stack& s) {
    for (;;) s.greenlets->run_current(s);
}

// On the stack of a greenlet, from its first switch to its last.
void strand::run_current(stack& s) {
    greenlet_core& me = *current_;
    transfer result;
    std::exception_ptr e;
    try {
        result = me.run(arrive());
    } catch (const greenlet_exit&) {
    } catch (...) { e = std::current_exception(); }
    me.drop_body();
    started_.remove(me);
    me.stack_ = nullptr;
    greenlet_core& to = finish(me, result, std::move(e)); // its core may be gone once we are there
    switch_stacks(s, set_current(to), &strand::after_end);
}

void strand::after_end(stack& left) noexcept {
    strand& st = *left.greenlets;
    left.owner = nullptr;
    left.greenlets = nullptr;
    left.saved.store(true, std::memory_order_relaxed);
    if (st.spare_ == nullptr && !left.single)
        st.spare_ = &left;
    else
        give_greenlet_stack(&left);
}

// ---- generators -----------------------------------------------------------------------------

void strand::throw_asks_itself() {
    throw std::logic_error("weft::generator: it is running already, and asks itself");
}
void strand::throw_not_here() {
    throw std::logic_error(
        "weft::generator: yield in code that does not run on the generator's own "
        "stack");
}
void strand::throw_nobody_waits() {
    throw std::logic_error("weft::generator: yield while nobody waits for a value");
}

// It has ended, or somebody switched here while it is busy elsewhere. False: ended.
bool strand::resumed_by_hand(greenlet_core& g) {
    const bool ended = g.finished();
    if (!ended) {
        g.is_active_ = false;
        g.parent_ = nullptr;
    }
    arrive();
    if (!ended) throw std::bad_any_cast();
    return false;
}

// ---- the untyped face -----------------------------------------------------------------------

greenlet_core::greenlet_core(greenlet_core* creator, const greenlet_options& options) noexcept
    : parent_(creator),
      creator_(creator),
      stack_size_(options.stack_size) {
    if (creator_ != nullptr) creator_->add_ref();
}

greenlet_core::~greenlet_core() {
    if (creator_ != nullptr) creator_->drop_ref();
    if (strand* s = strand_.load(std::memory_order_relaxed)) s->drop_ref();
}

void greenlet_core::drop_ref() noexcept {
    // acq_rel: what was done through other references comes before the end; a sole owner needs no locked operation
    if (refs_.load(std::memory_order_acquire) == 1 ||
        refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        delete this;
}

greenlet_core* current_greenlet() noexcept {
    strand* s = strand::here_or_null();
    return s != nullptr ? s->current() : nullptr;
}

transfer switch_greenlet(greenlet_core* to, transfer what) {
    if (to == nullptr) throw greenlet_finished("weft: a switch to an empty greenlet");
    return strand::here().switch_to(*to, what, nullptr);
}

transfer throw_into_greenlet(greenlet_core* to, std::exception_ptr e) {
    if (to == nullptr) throw greenlet_finished("weft: throw_in of an empty greenlet");
    return strand::here().throw_into(*to, std::move(e));
}

transfer switch_to_parent(greenlet_core* of, transfer what) {
    return strand::here().switch_to_parent(of, what);
}

bool resume_generator_by_call(greenlet_core& g, void* in) {
    return strand::here().resume(g, in, nullptr);
}

void* yield_by_call(greenlet_core& g, void* out) { return strand::here().yield(g, out); }

bool throw_into_generator(greenlet_core& g, std::exception_ptr e) {
    strand& s = strand::here();
    if (!g.started() || g.finished()) {
        s.close(g);
        std::rethrow_exception(std::move(e));
    }
    return s.resume(g, nullptr, &e);
}

void close_generator(greenlet_core& g) { strand::here().close(g); }

} // namespace weft::detail
