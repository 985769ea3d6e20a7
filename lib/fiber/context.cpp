// SPDX-License-Identifier: Apache-2.0
#include <weft/fiber/context.hpp>

#include <atomic>
#include <map>

#include <weft/fiber/fiber.hpp>

namespace weft::detail {

/// Read by all who share it; changed by the only one who holds it.
class context_map {
public:
    std::atomic<unsigned> refs{1};
    std::map<std::uint64_t, std::shared_ptr<void>> values;

    // acquire pairs with drop: who is left alone comes after all that the others did
    [[nodiscard]] bool is_shared() const noexcept {
        return refs.load(std::memory_order_acquire) != 1;
    }
};

void context_ref::share() const noexcept { map_->refs.fetch_add(1, std::memory_order_relaxed); }

void context_ref::drop() noexcept {
    // acq_rel: all use through other references comes before the end
    if (map_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete map_;
}

const std::shared_ptr<void>* context_ref::find(std::uint64_t id) const noexcept {
    if (map_ == nullptr) return nullptr;
    const auto at = map_->values.find(id);
    return at != map_->values.end() ? &at->second : nullptr;
}

namespace {

/// The lock of the running fiber's context; nothing on a plain thread, whose context nobody else reads.
class context_guard {
public:
    context_guard() noexcept {
        if (stack_head* s = current_stack(); s != nullptr && s->owner != nullptr)
            lock_ = &s->owner->locals_lock;
        if (lock_ != nullptr) lock_->lock();
    }
    ~context_guard() {
        if (lock_ != nullptr) lock_->unlock();
    }
    context_guard(const context_guard&) = delete;
    context_guard& operator=(const context_guard&) = delete;

private:
    spin_lock* lock_ = nullptr;
};

} // namespace

void context_ref::set(std::uint64_t id, std::shared_ptr<void> value) {
    context_ref before; // goes after the lock: destructors of values may come here
    const context_guard guard;
    if (map_ == nullptr || map_->is_shared()) {
        auto own = std::make_unique<context_map>();
        if (map_ != nullptr) own->values = map_->values;
        own->values[id].swap(value);
        before.map_ = std::exchange(map_, own.release());
    } else {
        map_->values[id].swap(value);
    }
    // What was there before goes now, when nothing is half done: its destructor may look at variables.
}

namespace {

// Noinline: a thread-local must never be read in code that may continue on another thread.
[[gnu::noinline]] context_ref& context_of_thread() noexcept {
    static thread_local context_ref own;
    return own;
}

} // namespace

context_ref& current_context() noexcept {
    stack_head* s = current_stack();
    return s != nullptr && s->owner != nullptr ? s->owner->locals : context_of_thread();
}

void context_scope::swap() noexcept {
    const context_guard guard;
    std::swap(current_context(), kept_);
}

std::uint64_t new_context_id() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

} // namespace weft::detail
