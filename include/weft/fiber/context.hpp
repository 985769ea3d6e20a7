// SPDX-License-Identifier: Apache-2.0
// The values of context variables that a fiber, or a plain thread, sees. Protocol: lib/fiber/README.md.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace weft::detail {

class context_map;

/// A counted reference to a context; null where nothing was ever set. As thread-safe as a value.
class context_ref {
public:
    constexpr context_ref() noexcept = default;
    context_ref(const context_ref& o) noexcept : map_(o.map_) {
        if (map_ != nullptr) [[unlikely]]
            share();
    }
    context_ref(context_ref&& o) noexcept : map_(std::exchange(o.map_, nullptr)) {}
    context_ref& operator=(context_ref o) noexcept {
        std::swap(map_, o.map_);
        return *this;
    }
    ~context_ref() {
        if (map_ != nullptr) [[unlikely]]
            drop();
    }
    explicit operator bool() const noexcept { return map_ != nullptr; }

    /// The value of the variable `id`; null: not set here.
    [[nodiscard]] const std::shared_ptr<void>* find(std::uint64_t id) const noexcept;
    /// Sets it, for this reference alone. Throws std::bad_alloc.
    void set(std::uint64_t id, std::shared_ptr<void> value);

private:
    void share() const noexcept;
    void drop() noexcept;
    context_map* map_ = nullptr;
};

/// Of the running fiber, or of the plain thread. Valid until the next wait.
context_ref& current_context() noexcept;
/// An id that no variable ever had.
std::uint64_t new_context_id() noexcept;

/// Between its braces the caller sees another context: its own comes back at the end. Waits in between are fine.
class context_scope {
public:
    explicit context_scope(context_ref c) noexcept : kept_(std::move(c)) { swap(); }
    ~context_scope() { swap(); }
    context_scope(const context_scope&) = delete;
    context_scope& operator=(const context_scope&) = delete;

private:
    void swap() noexcept;
    context_ref kept_;
};

} // namespace weft::detail
