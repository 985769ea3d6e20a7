// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <tuple>

#include <weft/compute/fork_join.hpp>
#include <weft/compute/fork_range.hpp>
#include <weft/task/wait.hpp>

namespace weft {

namespace detail {

template <class T>
concept awaitable_handle = requires(std::remove_cvref_t<T>& f) {
    { f.core() } -> std::convertible_to<future_core*>;
};
template <class T>
concept plain_callable = std::invocable < std::remove_reference_t<T>
& > &&!awaitable_handle<T>;

/// Callables as a fork-join: the first one runs here, the others too unless somebody takes them.
template <class First, class... Rest>
[[gnu::always_inline]] inline std::tuple<forked_result<First>, forked_result<Rest>...> gather_calls(
    First&& first, Rest&&... rest) {
    if constexpr (sizeof...(Rest) == 0) {
        return {call_stored(first)};
    } else {
        stack_head* const s = current_stack();
        fork_frame<std::index_sequence_for<Rest...>, Rest...> frame(std::forward<Rest>(rest)...);
        const fork_way way = fork_way_at(s, &frame);
        if (way == fork_way::usual) [[likely]]
            return frame.run(*s, first);
        return frame.template run_otherwise<First>(way, std::forward<First>(first));
    }
}

/// The value of a future that is done.
template <class T>
auto gathered_value(T& handle) {
    using value = typename std::remove_cvref_t<T>::value_type;
    if constexpr (std::is_void_v<value>)
        return std::monostate{};
    else
        return stored<value>(handle.core()->get(!std::is_copy_constructible_v<stored<value>>));
}

inline future_core* core_to_gather(auto& handle) {
    if (handle.core() == nullptr) throw invalid_state("weft: an empty future or task handle");
    return handle.core();
}

/// Only the arguments that are callables (or that are not), as a tuple of references.
template <bool Callables, class T>
auto only_if(T& thing) {
    if constexpr (plain_callable<T> == Callables)
        return std::tuple<T&>(thing);
    else
        return std::tuple<>();
}

/// The results in the order of the arguments; the next callable's is the Next-th of `called`.
template <std::size_t Next, class Called, class T, class... Ts>
auto merge_gathered(Called& called, T& thing, Ts&... rest) {
    constexpr std::size_t after = Next + (plain_callable<T> ? 1 : 0);
    auto mine = [&] {
        if constexpr (plain_callable<T>)
            return std::tuple{std::move(std::get<Next>(called))};
        else
            return std::tuple{gathered_value(thing)};
    }();
    if constexpr (sizeof...(Ts) == 0)
        return mine;
    else
        return std::tuple_cat(std::move(mine), merge_gathered<after>(called, rest...));
}

/// Callables and futures: the callables first, here or wherever they are taken, then what is left of the futures.
template <class... Ts>
auto gather_mixed(Ts&... things) {
    auto futures = std::tuple_cat(only_if<false>(things)...);
    const auto watched = std::apply(
        [](auto&... f) { return std::array<future_core*, sizeof...(f)>{core_to_gather(f)...}; },
        futures);
    auto called = [&] {
        try {
            return std::apply([](auto&... f) { return gather_calls(f...); },
                              std::tuple_cat(only_if<true>(things)...));
        } catch (...) {
            cancel_and_join(watched);
            throw;
        }
    }();
    gather_all(watched);
    return merge_gathered<0>(called, things...);
}

/// As many callables of one type as there are.
template <class F>
std::vector<forked_result<F>> gather_range(const std::vector<F*>& fs) {
    if (fs.empty()) return {};
    stack_head* const s = current_stack();
    std::vector<forked_result<F>> results;
    switch (fork_way_at(s, &results)) {
    case fork_way::usual: return fork_range<F>(fs).run(*s);
    case fork_way::fresh_stack: run_on_fresh_stack([&] { results = gather_range(fs); }); break;
    case fork_way::plain_call:
        for (F* f : fs) results.push_back(call_stored(*f));
    }
    return results;
}

} // namespace detail

/// Runs callables as a fork-join and waits for futures, all concurrently; their results in the order of the arguments, void as
/// std::monostate, a reference as its address. Callables MAY run in parallel: one that nobody takes runs here, as a call. On failure the rest is cancelled
/// and joined, then the first error is thrown; a cancel of the caller reaches all. On a plain thread the callables run one
/// after another. Suspends; a cancel point where it waits.
///
///     auto [a, b] = weft::gather([] { return f(1); }, [] { return f(2); });
///     auto [r, s] = weft::gather(task1, task2);
template <class... Ts>
    requires(sizeof...(Ts) > 0 &&
             ((detail::plain_callable<Ts> || detail::awaitable_handle<Ts>)&&...))
[[gnu::always_inline]] inline auto gather(Ts&&... things) {
    if constexpr ((detail::plain_callable<Ts> && ...)) {
        return detail::gather_calls(std::forward<Ts>(things)...);
    } else if constexpr ((detail::plain_callable<Ts> || ...)) {
        return detail::gather_mixed(things...);
    } else {
        detail::gather_all(std::array{detail::core_to_gather(things)...});
        return std::tuple{detail::gathered_value(things)...};
    }
}

/// The same for a range of futures: a vector of their values, in order; of void nothing.
template <detail::future_range R>
auto gather(R&& handles) {
    using value = typename std::ranges::range_value_t<R>::value_type;
    const std::vector<detail::future_core*> cores = detail::cores_of(handles);
    detail::gather_all(cores);
    if constexpr (!std::is_void_v<value>) {
        std::vector<value> values;
        values.reserve(cores.size());
        for (auto& h : handles)
            values.push_back(h.core()->get(!std::is_copy_constructible_v<value>));
        return values;
    }
}

/// The same for a range of callables.
template <std::ranges::forward_range R>
    requires(detail::plain_callable<std::ranges::range_reference_t<R>>)
auto gather(R&& callables) {
    using function = std::remove_reference_t<std::ranges::range_reference_t<R>>;
    std::vector<function*> functions;
    for (auto& f : callables) functions.push_back(std::addressof(f));
    auto values = detail::gather_range(functions);
    if constexpr (!std::is_void_v<std::invoke_result_t<function&>>) return values;
}

} // namespace weft
