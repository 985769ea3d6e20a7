// SPDX-License-Identifier: Apache-2.0
// Functions as something that another process of the same image can call.
#pragma once

#include <concepts>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/executor/map.hpp>
#include <weft/process/errors.hpp>
#include <weft/process/pack.hpp>

namespace weft::detail {

/// Decodes arguments, calls, encodes the result; throws what the function throws. `target`: the function pointer, if any.
using call_entry = void (*)(const void* target, in_buffer& arguments, out_buffer& result);

// ---- what can be called -------------------------------------------------------------------------------------------------

template <class F>
concept function_pointer = std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;
/// A captureless lambda, or another function object without state: made from nothing over there.
template <class F>
concept stateless = std::is_class_v<F> && std::is_empty_v<F> && std::default_initializable<F>;

/// The values a function takes, of which the caller's arguments are made.
template <class F>
struct parameters_of {}; // overloaded or generic: the arguments decide
template <class R, class... P>
struct parameters_of<R (*)(P...)> {
    using type = std::tuple<std::remove_cvref_t<P>...>;
};
template <class R, class... P>
struct parameters_of<R (*)(P...) noexcept> : parameters_of<R (*)(P...)> {};
template <class C, class R, class... P>
struct parameters_of<R (C::*)(P...)> : parameters_of<R (*)(P...)> {};
template <class C, class R, class... P>
struct parameters_of<R (C::*)(P...) const> : parameters_of<R (*)(P...)> {};
template <class C, class R, class... P>
struct parameters_of<R (C::*)(P...) noexcept> : parameters_of<R (*)(P...)> {};
template <class C, class R, class... P>
struct parameters_of<R (C::*)(P...) const noexcept> : parameters_of<R (*)(P...)> {};
template <class F>
    requires requires { &F::operator(); }
struct parameters_of<F> : parameters_of<decltype(&F::operator())> {};

template <class F, class... Args>
struct sent_values {
    using type = std::tuple<std::decay_t<Args>...>;
};
template <class F, class... Args>
    requires requires {
        typename parameters_of<F>::type;
    } &&(std::tuple_size_v<typename parameters_of<F>::type> ==
         sizeof...(Args)) struct sent_values<F, Args...> : parameters_of<F> {};

    template <class F>
    F callable_of(const void* target) {
        if constexpr (function_pointer<F>)
            return reinterpret_cast<F>(const_cast<void*>(target)); // NOLINT: it was one
        else
            return F();
    }

    // ---- what can be sent ---------------------------------------------------------------------------------------------------

    template <class T>
    concept sendable = !std::is_pointer_v<T> && std::default_initializable<T> &&
                       cereal::traits::is_output_serializable<T, packer>::value &&
                       cereal::traits::is_input_serializable<T, unpacker>::value;

    template <class T>
    constexpr void require_sendable_argument() {
        static_assert(sendable<T>,
                      "weft: an argument of a call in another process can't be sent. It travels by "
                      "value, through "
                      "cereal: no pointer, no view; its type needs a default constructor and "
                      "cereal's serialize() "
                      "(or save and load). The type is in 'require_sendable_argument<...>' above.");
    }
    template <class T>
    constexpr void require_sendable_result() {
        static_assert(std::is_void_v<T> || sendable<T>,
                      "weft: the result of a call in another process can't be sent. It travels by "
                      "value, through "
                      "cereal: no pointer, no view; its type needs a default constructor and "
                      "cereal's serialize() "
                      "(or save and load). The type is in 'require_sendable_result<...>' above.");
    }

    template <class F>
    constexpr void require_callable_elsewhere() {
        static_assert(function_pointer<F> || stateless<F>,
                      "weft: a process pool runs functions and captureless lambdas: a capture, a "
                      "std::function or "
                      "a pointer to a member can't be sent. Pass what it captures as arguments.");
    }

    // ---- entries ------------------------------------------------------------------------------------------------------------

    template <class Value, class Argument>
    void pack_as(packer& to, Argument&& argument) {
        require_sendable_argument<Value>();
        if constexpr (std::is_same_v<std::remove_cvref_t<Argument>, Value>) {
            to(argument);
        } else {
            const Value converted(std::forward<Argument>(argument));
            to(converted);
        }
    }

    template <class F, class Values>
    decltype(auto) call_with(F& f, Values& values) {
        return std::apply(
            [&f](auto&... v) -> decltype(auto) { return std::invoke(f, std::move(v)...); }, values);
    }

    template <class F, class Values>
    void run_call(const void* target, in_buffer& arguments, out_buffer& result) {
        Values values;
        if constexpr (std::tuple_size_v<Values> != 0) {
            unpacker from(arguments);
            std::apply([&from](auto&... v) { from(v...); }, values);
        }
        F f = callable_of<F>(target);
        if constexpr (std::is_void_v<decltype(call_with(f, values))>) {
            call_with(f, values);
        } else {
            packer to(result);
            const std::decay_t<decltype(call_with(f, values))>& value = call_with(f, values);
            to(value);
        }
    }

    /// The running exception, as the worker tells it.
    struct thrown_text {
        std::string type_name, what, stack;
        template <class Archive>
        void serialize(Archive& ar) {
            ar(type_name, what, stack);
        }
    };

    /// Calls f, which gives the bytes of a result; true: it threw, and that is described.
    bool describes_throw(void (*f)(void*), void* argument, thrown_text& thrown);

    /// The calls of a chunk of map: results, then whether one threw, and what.
    template <class F, class Item>
    void run_chunk(const void* target, in_buffer& arguments, out_buffer& result) {
        using value = map_value<F&, Item&&>;
        struct work {
            std::deque<Item> items;
            std::deque<value> results;
            F f;
        } w{{}, {}, callable_of<F>(target)};
        unpacker from(arguments);
        from(w.items);
        const auto all = [](void* p) {
            auto& mine = *static_cast<work*>(p);
            for (Item& item : mine.items) {
                if constexpr (std::is_same_v<value, std::monostate>) {
                    std::invoke(mine.f, std::move(item));
                    mine.results.emplace_back();
                } else {
                    mine.results.push_back(std::invoke(mine.f, std::move(item)));
                }
            }
        };
        thrown_text thrown;
        const bool failed = describes_throw(all, &w, thrown);
        packer to(result);
        if constexpr (std::is_same_v<value, std::monostate>)
            to(w.results.size(), failed);
        else
            to(w.results, failed);
        if (failed) to(thrown);
    }

    /// What a worker's answer stands for.
    template <class T>
    struct answer_of {
        static T decode(in_buffer& in) {
            T value{};
            unpacker from(in);
            from(value);
            return value;
        }
    };
    template <>
    struct answer_of<void> {
        static void decode(in_buffer&) {}
    };
    template <class R>
    struct answer_of<map_chunk<R>> {
        static map_chunk<R> decode(in_buffer& in) {
            map_chunk<R> chunk;
            bool failed = false;
            unpacker from(in);
            if constexpr (std::is_same_v<R, std::monostate>) {
                std::size_t count = 0;
                from(count, failed);
                chunk.results.resize(count);
            } else {
                from(chunk.results, failed);
            }
            if (failed) {
                thrown_text t;
                from(t);
                chunk.error =
                    std::make_exception_ptr(remote_error(t.what, std::move(t.type_name), t.stack));
            }
            return chunk;
        }
    };

} // namespace weft::detail
