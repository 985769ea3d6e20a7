// SPDX-License-Identifier: Apache-2.0
// Forks and their joins: who runs what, and what happens when one fails. Protocol: lib/compute/README.md.
#pragma once

#include <exception>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include <weft/compute/claim.hpp>
#include <weft/sched/fork.hpp>
#include <weft/task/future_core.hpp>
#include <weft/task/task_base.hpp>

namespace weft::detail {

template <class F>
using forked_result = stored<std::invoke_result_t<F&>>;

/// The result of f(): void as monostate, a reference as its address.
template <class F>
forked_result<F> call_stored(F& f) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        f();
        return {};
    } else if constexpr (std::is_reference_v<std::invoke_result_t<F&>>) {
        return std::addressof(f());
    } else {
        return f();
    }
}

class fork_task;

/// What the shared forks of one gather have in common. Made with the first of them, ended by the owner after the last join.
///
/// | field       | who                                                                                |
/// |-------------|------------------------------------------------------------------------------------|
/// | the list    | who shares (the owner, or a robber), before the fork can run; children that fail    |
/// | the rest    | the owner, children that fail; all under lock_                                      |
class fork_scope {
public:
    explicit fork_scope(task_base& owner) noexcept : owner_(owner) {}
    fork_scope(const fork_scope&) = delete;
    fork_scope& operator=(const fork_scope&) = delete;
    ~fork_scope();

    void add(fork_task& t) noexcept;
    /// Keeps the first error, and asks all others to end: shared siblings, and the owner if it is inside a call of its own.
    void failed(std::exception_ptr e) noexcept;
    /// The owner begins a call of its own; throws the error if one has failed.
    void begin_call();
    /// The owner waits for a child from here on: a cancel that was meant for its call is taken back.
    void end_call() noexcept;
    [[nodiscard]] bool has_failed() noexcept;
    [[nodiscard]] std::exception_ptr error() const noexcept {
        return error_;
    } // when all are joined
    [[nodiscard]] task_base& owner() const noexcept { return owner_; }

private:
    task_base& owner_;
    spin_lock lock_;
    fork_task* children_ = nullptr;
    bool in_call_ = true;
    bool failed_ = false;
    bool owner_cancelled_ = false; // by us, to end a call of its own
    std::exception_ptr error_;
};

/// A shared fork, the claim block: the anonymous task that runs it if a thief wins the claim. Two references: the queue's and
/// the scope's. It owns no part of the frame: the loser of the claim never touches the record.
class fork_task : public task_base, public future_state<void> {
public:
    explicit fork_task(fork_scope& scope);

    /// True for one of the joiner and the thief.
    [[nodiscard]] bool claim() noexcept { return claim_.take(); }
    void run() noexcept final;
    future_core& core() noexcept final { return *this; }
    bool cancel(std::string message) final { return task_base::cancel(std::move(message)); }
    task_base* as_task() noexcept final { return this; }
    [[nodiscard]] bool takes_waiters_cancel() const noexcept final { return true; }

    fork_task* next_in_scope = nullptr; // the scope's

protected:
    virtual void invoke() = 0;

private:
    fork_scope& scope_;
    basic_claim<> claim_;
};

template <class F>
class fork_task_of final : public fork_task {
public:
    fork_task_of(fork_scope& scope, F& f) : fork_task(scope), function_(f) {}
    forked_result<F> take() { return *std::move(result_); }

private:
    void invoke() override { result_.emplace(call_stored(function_)); }
    F& function_;
    std::optional<forked_result<F>> result_;
};

/// Adds a task for a fork to its gather's scope, and readies it to be queued; deletes it and gives null if that fails.
fiber* launch_fork(fork_task* t, fork_scope& scope) noexcept;

/// Makes the task of a fork that is shared; null: no memory.
template <class F>
fiber* make_fork_task(fork_scope*& scope, bool first, fiber& owner, F& f) noexcept {
    fork_scope* fresh = nullptr;
    try {
        if (first) scope = fresh = new fork_scope(static_cast<task_base&>(owner));
        return launch_fork(new fork_task_of<F>(*scope, f), *scope);
    } catch (...) {
        delete fresh;
        return nullptr;
    }
}

/// Waits, or claims, after unlink has failed. True: the caller must run the fork itself, here. False: its task has the
/// result. Throws what a child has thrown, or the caller's cancel.
bool join_fork(stack_head& s, fork_record& r, fork_scope*& scope);
/// The gather fails with the exception that is being handled: ends all that were not joined yet (the newest first), and
/// throws the first error there was. The oldest of all is shared first: if that one is not, none is.
[[noreturn]] void abandon_forks(stack_head& s, std::span<fork_record* const> rest,
                                const fork_record& oldest, fork_scope*& scope);
/// After its join: was it?
inline bool was_shared(const fork_record& r) noexcept {
    return r.older.load(std::memory_order_relaxed) == nullptr;
}
/// All are joined.
void end_scope(fork_scope* scope) noexcept;
/// Runs f as a task of its own on a fresh stack, and waits for it.
void run_on_fresh_stack(unique_function<void()> f);
/// An address in the current frame: what forks compare with the stack's lower end.
[[gnu::always_inline]] inline const void* frame_address(
    [[maybe_unused]] const void* local) noexcept {
#if WEFT_ASAN
    return __builtin_frame_address(0); // locals may lie elsewhere
#else
    return local;
#endif
}

/// How a gather whose frame is there begins: looks whether anybody wants something of this stack.
[[gnu::always_inline]] inline fork_way fork_way_at(stack_head* s, const void* frame) noexcept {
    if (s == nullptr) [[unlikely]]
        return fork_way::plain_call;
    if (s->forks.is_slow_at(frame_address(frame))) [[unlikely]]
        return answer_forks(*s, frame_address(frame));
    return fork_way::usual;
}

/// A callable of the frame: a temporary of the caller's moves in (it is one store then, not two and a pointer), another one is
/// referred to. F is what a forwarding reference deduces.
template <std::size_t I, class F>
struct fork_slot : fork_record {
    fork_slot(const fork_kind* k, F&& f) : fork_record(k), function(std::forward<F>(f)) {}
    F function;
};

template <class Indices, class... Fs>
class fork_frame;

/// The frame of a gather of callables but the first, which the owner calls itself. The last argument is the oldest record:
/// it is shared first.
template <std::size_t... I, class... Fs>
class fork_frame<std::index_sequence<I...>, Fs...> : fork_slot<I, Fs>... {
    static constexpr std::size_t k_count = sizeof...(Fs);
    template <std::size_t K>
    using function_at = std::tuple_element_t<K, std::tuple<Fs...>>;
    template <std::size_t K>
    using slot_at = fork_slot<K, function_at<K>>;
    template <std::size_t K>
    using task_at = fork_task_of<std::remove_reference_t<function_at<K>>>;

    template <std::size_t K>
    static fiber* share(fork_record& r, fiber& owner) noexcept {
        auto& slot = static_cast<slot_at<K>&>(r);
        auto& self = static_cast<fork_frame&>(slot);
        slot.shared = make_fork_task(self.scope_, K == k_count - 1, owner, slot.function);
        return slot.shared;
    }
    template <std::size_t K>
    static constexpr fork_kind k_kind[2] = {{&share<K>, false}, {&share<K>, true}};

public:
    [[gnu::always_inline]] explicit fork_frame(Fs&&... fs)
        : fork_slot<I, Fs>(k_kind<I>, std::forward<Fs>(fs))... {}

    /// Calls `first`, then all others in order, unless somebody takes them.
    template <class F>
    [[gnu::always_inline]] std::tuple<forked_result<F>, forked_result<Fs>...> run(stack_head& s,
                                                                                  F& first) {
        (s.forks.link(slot<k_count - 1 - I>()), ...);
        fork_point(s);
        return {guarded<0>(s, [&] { return call_stored(first); }),
                join<I>(s)...}; // braces: in order
    }
    /// The same otherwise: not as a fork at all, or on another stack.
    template <class F>
    [[gnu::noinline, gnu::cold]] std::tuple<forked_result<F>, forked_result<Fs>...> run_otherwise(
        fork_way way, F first) {
        if (way == fork_way::plain_call)
            return {call_stored(first), call_stored(slot<I>().function)...}; // braces: in order
        std::optional<std::tuple<forked_result<F>, forked_result<Fs>...>> all;
        run_on_fresh_stack([&] { all.emplace(run(*current_stack(), first)); });
        return *std::move(all);
    }

private:
    template <std::size_t K>
    slot_at<K>& slot() noexcept {
        return *this;
    }

    template <std::size_t K>
    [[gnu::always_inline]] forked_result<function_at<K>> join(stack_head& s) {
        slot_at<K>& r = slot<K>();
        if (s.forks.unlink(r)) [[likely]]
            return guarded<K + 1>(s, [&] { return call_stored(r.function); });
        return guarded<K + 1>(s, [&] { return join_shared<K>(s); });
    }

    template <std::size_t K>
    [[gnu::noinline, gnu::cold]] forked_result<function_at<K>> join_shared(stack_head& s) {
        slot_at<K>& r = slot<K>();
        auto finish = [&](forked_result<function_at<K>>&& result) {
            if constexpr (K == k_count - 1) end_scope(scope_);
            return std::move(result);
        };
        if (!join_fork(s, r, scope_)) return finish(static_cast<task_at<K>*>(r.shared)->take());
        if (!was_shared(r)) return call_stored(r.function);
        return finish(call_stored(r.function));
    }

    /// f(); if it throws, the forks from Next on are abandoned.
    template <std::size_t Next, class F>
    [[gnu::always_inline]] auto guarded(stack_head& s, F f) {
        try {
            return f();
        } catch (...) { fail<Next>(s); }
    }
    template <std::size_t Next>
    [[noreturn, gnu::noinline, gnu::cold]] void fail(stack_head& s) {
        fork_record* const all[] = {&slot<I>()...};
        abandon_forks(s, std::span(all).subspan(Next), *all[k_count - 1], scope_);
    }

    fork_scope* scope_; // once the oldest is shared
};

} // namespace weft::detail
