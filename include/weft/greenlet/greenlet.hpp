// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>

#include <weft/greenlet/greenlet_core.hpp>

namespace weft {

namespace detail {

template <class T>
concept greenlet_value = std::is_void_v<T> ||(std::is_object_v<T>&& std::move_constructible<T>);

/// A switch that sends a Sent (made from the arguments) and waits for a Received.
template <class Received, class Sent, class Switch, class... Args>
Received switch_with(Switch go, Args&&... args) {
    if constexpr (std::is_void_v<Sent>) {
        return receive<Received>(go(transfer{}));
    } else {
        Sent value(std::forward<Args>(args)...);
        return receive<Received>(go(transfer{&typeid(Sent), &value}));
    }
}

template <class T>
struct greenlet_result {
    std::optional<T> value;
};
template <>
struct greenlet_result<void> {};

template <class In, class Out, class F>
class greenlet_body final : public greenlet_core {
public:
    greenlet_body(F&& f, const greenlet_options& options)
        : greenlet_core(current_greenlet(), options),
          function_(std::in_place, std::move(f)) {}

private:
    transfer run(transfer first) override {
        auto call = [&]() -> Out {
            if constexpr (std::is_void_v<In>)
                return static_cast<Out>(std::invoke(*function_));
            else
                return static_cast<Out>(std::invoke(*function_, receive<In>(first)));
        };
        if constexpr (std::is_void_v<Out>) {
            call();
            return {};
        } else {
            result_.value.emplace(call());
            return {&typeid(Out), &*result_.value};
        }
    }
    void drop_body() noexcept override { function_.reset(); }

    std::optional<F> function_;
    [[no_unique_address]] greenlet_result<Out> result_;
};

template <class F, class In, class Out>
concept greenlet_function =
    (std::is_void_v<In> && std::is_invocable_r_v<Out, F&>) || std::is_invocable_r_v<Out, F&, In>;

} // namespace detail

/// A function on a stack of its own, switched to by hand: greenlet (PyPI) for C++. `In` is what switch_to takes: the first
/// is the body's argument, later ones are what its own switch gives back; `Out` is what switch_to returns. Movable.
///
/// Works with no runtime at all, on plain threads as in tasks; any function below may switch. A wait in one suspends the whole
/// task. When the body ends, its result goes to the parent: who created it, or the nearest ancestor that has not finished; an
/// exception rises there. Letting go of a suspended one unwinds it by greenlet_exit.
///
/// Belongs to its strand: the plain thread, or the task, that first ran it. Not thread-safe, but for the check of that.
///
///     weft::greenlet<> g1, g2;
///     g1 = weft::greenlet<>([&] { print(1); g2.switch_to(); print(2); });
///     g2 = weft::greenlet<>([&] { print(3); weft::this_greenlet::parent().switch_to(); });
///     g1.switch_to();
template <detail::greenlet_value In = void, detail::greenlet_value Out = void>
class greenlet {
public:
    /// Where g.parent() leads: its switch_to is the answer to the one that came in.
    class parent_handle {
    public:
        /// Switches to the parent, which gets an Out made from the arguments; returns what the next switch_to brings.
        template <class... Args>
            requires(std::is_void_v<Out>
                         ? sizeof...(Args) == 0
                         : std::is_constructible_v<
                               std::conditional_t<std::is_void_v<Out>, int, Out>, Args...>)
        In switch_to(Args&&... args) {
            return detail::switch_with<In, Out>(
                [this](detail::transfer t) { return detail::switch_to_parent(of_, t); },
                std::forward<Args>(args)...);
        }

    private:
        friend greenlet;
        explicit parent_handle(detail::greenlet_core* of) noexcept : of_(of) {}
        detail::greenlet_core* of_;
    };

    /// Empty.
    greenlet() noexcept = default;
    /// Runs nothing yet. The stack is taken at the first switch.
    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, greenlet> &&
                 detail::greenlet_function<std::decay_t<F>, In, Out>)
    explicit greenlet(F&& f, greenlet_options options = {})
        : core_(new detail::greenlet_body<In, Out, std::decay_t<F>>(
              std::decay_t<F>(std::forward<F>(f)), options)) {}
    greenlet(greenlet&& o) noexcept : core_(std::exchange(o.core_, nullptr)) {}
    greenlet& operator=(greenlet&& o) noexcept {
        // Through a variable: unwinding the old one may look at this handle.
        auto* old = std::exchange(core_, std::exchange(o.core_, nullptr));
        detail::drop_greenlet(old);
        return *this;
    }
    /// Unwinds it if it is suspended: greenlet_exit is thrown where it switched away. What its clean-up throws is reported to the
    /// runtime's exception handler, or stderr. By another strand: at the next switch of its own.
    ~greenlet() { detail::drop_greenlet(core_); }

    /// Switches to it with an In made from the arguments; returns when somebody switches back here, with what that brings.
    /// Throws what rises here, greenlet_finished, wrong_thread, std::bad_any_cast if what comes back is no Out,
    /// std::system_error if there is no memory for its stack.
    template <class... Args>
        requires(
            std::is_void_v<In>
                ? sizeof...(Args) == 0
                : std::is_constructible_v<std::conditional_t<std::is_void_v<In>, int, In>, Args...>)
    Out switch_to(Args&&... args) {
        return detail::switch_with<Out, In>(
            [this](detail::transfer t) { return detail::switch_greenlet(core_, t); },
            std::forward<Args>(args)...);
    }
    /// Switches to it and throws e there. If it has not begun it never will, and e rises in its parent; so it does if it has
    /// finished. Otherwise as switch_to.
    Out throw_in(std::exception_ptr e) {
        return detail::receive<Out>(detail::throw_into_greenlet(core_, std::move(e)));
    }
    /// Unwinds it now, by greenlet_exit; whatever comes back is ignored, but for an exception of its clean-up.
    void kill() {
        if (core_ != nullptr && !core_->finished())
            detail::throw_into_greenlet(core_, std::make_exception_ptr(greenlet_exit{}));
    }

    /// Has it finished? An empty one has. Any thread.
    [[nodiscard]] bool dead() const noexcept { return core_ == nullptr || core_->finished(); }
    /// Has its body begun, and not finished?
    [[nodiscard]] bool started() const noexcept {
        return core_ != nullptr && core_->started() && !core_->finished();
    }
    [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

    /// Who gets what it ends with. For the body's own use: the reply to switch_to.
    [[nodiscard]] parent_handle parent() const {
        if (core_ == nullptr) throw greenlet_finished("weft: an empty greenlet has no parent");
        return parent_handle(core_);
    }

private:
    detail::greenlet_core* core_ = nullptr;
};

namespace this_greenlet {

/// The parent of the running greenlet, without types: switch_to<Received>(value) sends the value as it is (decayed).
class parent_handle {
public:
    template <class Received = void>
    Received switch_to() {
        return detail::receive<Received>(detail::switch_to_parent(nullptr, {}));
    }
    template <class Received = void, class T>
    Received switch_to(T&& value) {
        return detail::switch_with<Received, std::decay_t<T>>(
            [](detail::transfer t) { return detail::switch_to_parent(nullptr, t); },
            std::forward<T>(value));
    }
};

/// std::logic_error, at the switch, where no greenlet runs.
inline parent_handle parent() noexcept { return {}; }

} // namespace this_greenlet

} // namespace weft
