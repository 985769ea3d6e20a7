// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/sync/channel.hpp>

namespace weft {

namespace detail {

/// One channel of a select.
struct select_entry {
    channel_core* channel = nullptr; ///< null: disabled
    bool sends = false;
    void* element = nullptr; ///< what is sent, or where the received one goes
    channel_core::node node;
};

struct select_outcome {
    int chosen;  ///< an entry; k_otherwise, k_expired
    bool closed; ///< its channel was closed
    static constexpr int k_otherwise = -1, k_expired = -2;
};

/// Takes exactly one of what is ready, each as likely as the others (`biased`: the first); waits for one if `waits`.
/// Throws cancelled_error: then none took place.
select_outcome run_select(select_entry* entries, std::size_t count, bool waits, bool biased,
                          deadline_ns deadline);

struct nothing_to_do {
    void operator()() const noexcept {}
};

/// Does the handler say std::optional<T> itself? A generic one is asked with a T.
template <class F, class T>
struct wants_optional : std::false_type {};
template <class R, class T, class A>
    requires std::is_same_v<std::remove_cvref_t<A>, std::optional<T>>
struct wants_optional<R (*)(A), T> : std::true_type {
};
template <class R, class C, class T, class A>
    requires std::is_same_v<std::remove_cvref_t<A>, std::optional<T>>
struct wants_optional<R (C::*)(A), T> : std::true_type {
};
template <class R, class C, class T, class A>
    requires std::is_same_v<std::remove_cvref_t<A>, std::optional<T>>
struct wants_optional<R (C::*)(A) const, T> : std::true_type {
};
template <class F, class T>
    requires requires { &F::operator(); }
struct wants_optional<F, T> : wants_optional<decltype(&F::operator()), T> {};

template <class T, class F>
class recv_case {
public:
    recv_case(channel<T>& c, F f) : channel_(&c.core()), handler_(std::move(f)) {}
    void prepare(select_entry& e) noexcept {
        if (enabled) e.channel = channel_;
        e.element = in_.bytes();
    }
    void not_chosen() noexcept {}
    void run(bool closed) {
        std::optional<T> value;
        if (!closed) value = in_.take();
        if constexpr (std::is_same_v<F, nothing_to_do>) {
            handler_();
        } else if constexpr (wants_optional<F, T>::value) {
            handler_(std::move(value));
        } else {
            if (!value) throw channel_closed();
            handler_(std::move(*value));
        }
    }
    bool enabled = true;
    static constexpr bool k_channel = true;

private:
    channel_core* channel_;
    incoming<T> in_;
    F handler_;
};

/// U: a reference to the caller's T, or a T made of what he gave.
template <class T, class U, class F>
class send_case {
public:
    template <class V>
    send_case(channel<T>& c, V&& value, F f)
        : channel_(&c.core()),
          value_(std::forward<V>(value)),
          handler_(std::move(f)) {}
    void prepare(select_entry& e) {
        if (!enabled) return;
        out_.emplace(std::forward<U>(value_));
        e.channel = channel_;
        e.sends = true;
        e.element = const_cast<void*>(out_->bytes());
    }
    void not_chosen() {
        if constexpr (std::is_rvalue_reference_v<U>)
            if (out_) out_->give_back(value_);
    }
    void run(bool closed) {
        if (closed) {
            not_chosen();
            throw channel_closed();
        }
        out_->sent();
        handler_();
    }
    bool enabled = true;
    static constexpr bool k_channel = true;

private:
    channel_core* channel_;
    U value_;
    std::optional<outgoing<T>> out_;
    F handler_;
};

template <class F>
class after_case {
public:
    after_case(deadline_ns t, F f) : deadline(t), handler_(std::move(f)) {}
    void run() { handler_(); }
    const deadline_ns deadline;
    bool enabled = true;
    static constexpr bool k_channel = false, k_after = true;

private:
    F handler_;
};

template <class F>
class otherwise_case {
public:
    explicit otherwise_case(F f) : handler_(std::move(f)) {}
    void run() { handler_(); }
    bool enabled = true;
    static constexpr bool k_channel = false, k_after = false;

private:
    F handler_;
};

template <class Case>
concept select_case = requires(Case& c) {
    { c.enabled } -> std::same_as<bool&>;
    Case::k_channel;
};

/// A select of these cases, tied to their places in its argument list.
template <class... Cases>
class selection {
public:
    explicit selection(Cases&... cases) : cases_(cases...) {}

    std::size_t run(bool biased) {
        select_outcome outcome{};
        try {
            prepare();
            outcome = run_select(entries_.data(), sizeof...(Cases), otherwise_ == k_none, biased,
                                 deadline_);
        } catch (...) {
            spare_all_but(k_none);
            throw;
        }
        std::size_t chosen = static_cast<std::size_t>(outcome.chosen);
        if (outcome.chosen == select_outcome::k_otherwise) chosen = otherwise_;
        if (outcome.chosen == select_outcome::k_expired) chosen = first_limit_;
        spare_all_but(chosen);
        each([&]<std::size_t I>(auto& c) {
            if (I != chosen) return;
            if constexpr (std::remove_reference_t<decltype(c)>::k_channel)
                c.run(outcome.closed);
            else
                c.run();
        });
        return chosen;
    }

private:
    static constexpr std::size_t k_none = sizeof...(Cases);

    template <class F>
    void each(F f) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (f.template operator()<I>(std::get<I>(cases_)), ...);
        }
        (std::index_sequence_for<Cases...>{});
    }
    void prepare() {
        bool possible = false;
        each([&]<std::size_t I>(auto& c) {
            possible = possible || c.enabled;
            if constexpr (std::remove_reference_t<decltype(c)>::k_channel)
                c.prepare(entries_[I]);
            else if (c.enabled)
                note_limit<I>(c);
        });
        if (!possible)
            throw std::invalid_argument("weft::select of no enabled case would never end");
    }
    template <std::size_t I, class Case>
    void note_limit(const Case& c) {
        if constexpr (!Case::k_after) {
            otherwise_ = I;
        } else if (c.deadline < deadline_ || first_limit_ == k_none) {
            deadline_ = c.deadline;
            first_limit_ = I;
        }
    }
    // What was to be sent goes back to where it came from.
    void spare_all_but(std::size_t chosen) {
        each([&]<std::size_t I>(auto& c) {
            if constexpr (std::remove_reference_t<decltype(c)>::k_channel)
                if (I != chosen) c.not_chosen();
        });
    }

    std::tuple<Cases&...> cases_;
    std::array<select_entry, sizeof...(Cases)> entries_;
    std::size_t otherwise_ = k_none, first_limit_ = k_none;
    deadline_ns deadline_ = k_never;
};

} // namespace detail

/// A case of select: receives from the channel. The handler takes a T (a closed channel then throws channel_closed), or a
/// std::optional<T>, empty when the channel is closed. It may be left out.
template <class T, class F = detail::nothing_to_do>
auto recv(channel<T>& c, F handler = {}) {
    return detail::recv_case<T, F>(c, std::move(handler));
}
/// A case of select: sends the value, which is moved from only if this case is taken. Throws channel_closed then, if it is closed.
template <class T, class V, class F = detail::nothing_to_do>
    requires std::is_constructible_v<T, V>
auto send(channel<T>& c, V&& value, F handler = {}) {
    using kept = std::conditional_t<std::is_same_v<std::remove_cvref_t<V>, T>, V&&, T>;
    return detail::send_case<T, kept, F>(c, std::forward<V>(value), std::move(handler));
}
/// A case of select: taken when nothing else was ready for so long, counted from here.
template <class Rep, class Period, class F = detail::nothing_to_do>
auto after(std::chrono::duration<Rep, Period> d, F handler = {}) {
    return detail::after_case<F>(detail::deadline_after(detail::to_nanoseconds(d)),
                                 std::move(handler));
}
/// A case of select: taken at once when nothing else is ready.
template <class F = detail::nothing_to_do>
auto otherwise(F handler = {}) {
    return detail::otherwise_case<F>(std::move(handler));
}
/// The case, if the condition holds; else one that is never taken.
template <detail::select_case Case>
Case when(bool condition, Case c) {
    c.enabled = c.enabled && condition;
    return c;
}

/// Waits until one of the cases is ready, takes it, runs its handler, and returns its place among the arguments. Of several ready
/// ones each is as likely as the others; no other case takes or sends anything. Operands are evaluated once, as arguments are.
/// A cancel point where it waits, and every 1000th time anyway; a cancelled one has taken nothing. Throws std::invalid_argument
/// if every case is disabled, and what the handler throws.
///
///     weft::select(weft::recv(a, [](int x) { ... }), weft::send(b, 7), weft::after(1s, [] { ... }));
template <detail::select_case... Cases>
std::size_t select(Cases... cases) {
    return detail::selection<Cases...>(cases...).run(false);
}
/// The same, but of several ready ones the first in the argument list is taken.
template <detail::select_case... Cases>
std::size_t select_biased(Cases... cases) {
    return detail::selection<Cases...>(cases...).run(true);
}

} // namespace weft
