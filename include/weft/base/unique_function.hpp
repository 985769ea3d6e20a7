// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace weft {

template <class Signature>
class unique_function;

/// A callable that is moved, never copied (std::move_only_function is C++23). Small ones live inside.
/// Not thread-safe; calling an empty one is undefined (asserted by the caller).
template <class R, class... Args>
class unique_function<R(Args...)> {
    static constexpr std::size_t k_inside = 6 * sizeof(void*);
    struct operations {
        R (*call)(void*, Args&&...);
        void (*move)(void* to, void* from) noexcept;
        void (*destroy)(void*) noexcept;
    };

public:
    unique_function() noexcept = default;
    unique_function(std::nullptr_t) noexcept {}

    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, unique_function> &&
                 std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
    unique_function(F&& f) {
        using G = std::decay_t<F>;
        if constexpr (sizeof(G) <= k_inside && alignof(G) <= alignof(std::max_align_t) &&
                      std::is_nothrow_move_constructible_v<G>) {
            ::new (storage_) G(std::forward<F>(f));
            ops_ = &inside<G>;
        } else {
            ::new (storage_)(G*)(new G(std::forward<F>(f)));
            ops_ = &outside<G>;
        }
    }

    unique_function(unique_function&& other) noexcept : ops_(std::exchange(other.ops_, nullptr)) {
        if (ops_ != nullptr) ops_->move(storage_, other.storage_);
    }
    unique_function& operator=(unique_function&& other) noexcept {
        if (this != &other) {
            reset();
            ops_ = std::exchange(other.ops_, nullptr);
            if (ops_ != nullptr) ops_->move(storage_, other.storage_);
        }
        return *this;
    }
    ~unique_function() { reset(); }

    explicit operator bool() const noexcept { return ops_ != nullptr; }
    R operator()(Args... args) { return ops_->call(storage_, std::forward<Args>(args)...); }

private:
    void reset() noexcept {
        if (ops_ != nullptr) std::exchange(ops_, nullptr)->destroy(storage_);
    }
    template <class G>
    static G& in(void* p) noexcept {
        return *std::launder(static_cast<G*>(p));
    }

    template <class G>
    static constexpr operations inside{[](void* p, Args&&... args) -> R {
                                           return static_cast<R>(
                                               in<G>(p)(std::forward<Args>(args)...));
                                       },
                                       [](void* to, void* from) noexcept {
                                           ::new (to) G(std::move(in<G>(from)));
                                           in<G>(from).~G();
                                       },
                                       [](void* p) noexcept { in<G>(p).~G(); }};
    template <class G>
    static constexpr operations outside{
        [](void* p, Args&&... args) -> R {
            return static_cast<R>((*in<G*>(p))(std::forward<Args>(args)...));
        },
        [](void* to, void* from) noexcept { ::new (to)(G*)(in<G*>(from)); },
        [](void* p) noexcept { delete in<G*>(p); }};

    alignas(std::max_align_t) unsigned char storage_[k_inside];
    const operations* ops_ = nullptr;
};

} // namespace weft
