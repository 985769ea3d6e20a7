// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>

#include <weft/base/input_iterator.hpp>
#include <weft/greenlet/strand.hpp>

namespace weft {

template <class Out, class In>
class generator;

namespace detail {

/// What the typed handle and the yielder share; the body comes below.
class generator_core : public greenlet_core {
public:
    explicit generator_core(const greenlet_options& options) noexcept
        : greenlet_core(nullptr, options) {}
    /// Where the yielded value lies: in the generator's frame.
    [[nodiscard]] void* out() const noexcept { return out_; }
};

} // namespace detail

/// Values one by one, from a function that yields them: on a stack of its own, so any function below may yield. `Out` comes out,
/// `In` goes in by send and is what yield returns. Movable; empty by default.
///
/// The body may await: then it is an async generator, with the same for; a wait in it suspends the whole task. Needs no
/// runtime. Belongs to its strand: the plain thread, or the task, that first asked it (wrong_thread). Letting go of it, or
/// close, unwinds it by greenlet_exit. What the body throws comes out where a value was asked for.
///
///     weft::generator<int> g([](auto& yield) { yield(1); yield.from(weft::generator<int>(inner)); yield(2); });
///     for (int x : g) ...
template <class Out, class In = void>
class generator {
    static_assert(std::is_object_v<Out> && std::is_move_constructible_v<Out>,
                  "weft::generator<Out, In>: Out must be a movable object type");
    static_assert(std::is_void_v<In> || (std::is_object_v<In> && std::is_move_constructible_v<In>),
                  "weft::generator<Out, In>: In must be void or a movable object type");

public:
    using value_type = Out;

    /// What the body yields with.
    class yielder {
    public:
        /// Gives a value out and suspends the generator; returns what is sent in, or throws what is thrown in.
        /// std::logic_error in code that does not run on the generator's own stack.
        [[gnu::always_inline]] In operator()(const Out& value) {
            Out copy(value);
            return give(copy);
        }
        [[gnu::always_inline]] In operator()(Out&& value) { return give(value); }

        /// Gives out all values of another one, passing on what is sent and thrown in; closes it if this one is closed.
        void from(generator& inner) {
            std::optional<Out> value = inner.next();
            while (value) value = pass_on(inner, std::move(*value));
        }
        void from(generator&& inner) {
            generator mine(std::move(inner));
            from(mine);
        }
        /// The same for any range of values.
        template <std::ranges::input_range R>
            requires(!std::is_same_v<std::remove_cvref_t<R>, generator> &&
                     std::convertible_to<std::ranges::range_reference_t<R>, Out>)
        void from(R&& values) {
            for (auto&& v : values) (*this)(Out(std::forward<decltype(v)>(v)));
        }

        yielder(const yielder&) = delete;
        yielder& operator=(const yielder&) = delete;

    private:
        friend generator;
        explicit yielder(detail::generator_core& core) noexcept : core_(core) {}
        [[gnu::always_inline]] In give(Out& value) {
            void* in = detail::yield_from_generator(core_, std::addressof(value));
            if constexpr (!std::is_void_v<In>) {
                if (in != nullptr) return std::move(*static_cast<In*>(in));
                if constexpr (std::is_default_constructible_v<In>)
                    return In();
                else
                    throw std::logic_error(
                        "weft::generator: next() where send() must give the yield its value");
            }
        }
        std::optional<Out> pass_on(generator& inner, Out&& value) {
            std::exception_ptr thrown;
            try {
                if constexpr (std::is_void_v<In>) {
                    give(value);
                    return inner.next();
                } else {
                    void* in = detail::yield_from_generator(core_, std::addressof(value));
                    return inner.step(in);
                }
            } catch (const greenlet_exit&) {
                inner.close();
                throw;
            } catch (...) { thrown = std::current_exception(); }
            if (inner.done()) std::rethrow_exception(thrown); // it was the inner one's own
            return inner.throw_in(std::move(thrown));
        }
        detail::generator_core& core_;
    };

    generator() noexcept = default;
    /// The body is called as body(yielder&). Runs nothing yet.
    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, generator> &&
                 std::is_invocable_v<std::decay_t<F>&, yielder&>)
    explicit generator(F&& f, greenlet_options options = {})
        : core_(new body<std::decay_t<F>>(std::decay_t<F>(std::forward<F>(f)), options)) {}
    generator(generator&& o) noexcept : core_(std::exchange(o.core_, nullptr)) {}
    generator& operator=(generator&& o) noexcept {
        auto* old = std::exchange(core_, std::exchange(o.core_, nullptr));
        detail::drop_greenlet(old);
        return *this;
    }
    /// As close; what the clean-up throws is reported to the runtime's exception handler, or stderr.
    ~generator() { detail::drop_greenlet(core_); }

    /// The next value; empty at the end. A pending yield returns a value-initialised In. Throws what the body throws,
    /// std::logic_error if it is running already, wrong_thread.
    [[gnu::always_inline]] std::optional<Out> next() { return step(nullptr); }
    /// Makes the pending yield return `value`; then as next. std::logic_error if it has not begun: nothing waits for a value.
    template <class T>
        requires(!std::is_void_v<In> &&
                 std::is_constructible_v<std::conditional_t<std::is_void_v<In>, int, In>, T>)
    std::optional<Out> send(T&& value) {
        if (core_ != nullptr && !core_->started())
            throw std::logic_error("weft::generator: send to one that has not begun: next() first");
        In in(std::forward<T>(value));
        return step(std::addressof(in));
    }
    /// Throws e where the body waits in yield; then as next. If it has not begun it never will, and e is thrown here; so it is if
    /// it has ended.
    std::optional<Out> throw_in(std::exception_ptr e) {
        if (core_ == nullptr) std::rethrow_exception(std::move(e));
        return value_if(detail::throw_into_generator(*core_, std::move(e)));
    }
    /// Unwinds it: greenlet_exit is thrown where it waits in yield. Nothing if it has ended or not begun. Throws what its clean-up
    /// throws; std::runtime_error if it yields again (it is suspended there then, and may be closed once more).
    void close() {
        if (core_ != nullptr) detail::close_generator(*core_);
    }

    /// Is there nothing more to come?
    [[nodiscard]] bool done() const noexcept { return core_ == nullptr || core_->finished(); }
    [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

    /// An input iterator; the value lies in the generator's frame until the next step.
    class iterator : public detail::input_iterator_types<Out> {
    public:
        [[nodiscard]] Out& operator*() const noexcept { return *static_cast<Out*>(core_->out()); }
        [[nodiscard]] Out* operator->() const noexcept { return std::addressof(**this); }
        [[gnu::always_inline]] iterator& operator++() {
            more_ = detail::resume_generator(*core_, nullptr);
            return *this;
        }
        void operator++(int) { ++*this; }
        [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept { return !more_; }

    private:
        friend generator;
        explicit iterator(detail::generator_core* core) : core_(core) {
            if (core_ != nullptr) ++*this;
        }
        detail::generator_core* core_;
        bool more_ = false;
    };
    /// Asks for the first value, or, of one that was used before, for the next.
    [[nodiscard]] iterator begin() { return iterator(core_); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

private:
    template <class F>
    class body final : public detail::generator_core {
    public:
        body(F&& f, const greenlet_options& options)
            : generator_core(options),
              function_(std::in_place, std::move(f)) {}

    private:
        detail::transfer run(detail::transfer) override {
            yielder yield(*this);
            std::invoke(*function_, yield);
            return {};
        }
        void drop_body() noexcept override { function_.reset(); }
        std::optional<F> function_;
    };

    [[gnu::always_inline]] std::optional<Out> value_if(bool more) {
        std::optional<Out> value;
        if (more) value.emplace(std::move(*static_cast<Out*>(core_->out())));
        return value;
    }
    [[gnu::always_inline]] std::optional<Out> step(void* in) {
        return value_if(core_ != nullptr && detail::resume_generator(*core_, in));
    }

    detail::generator_core* core_ = nullptr;
};

} // namespace weft
