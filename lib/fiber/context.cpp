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

void context_ref::share() const noexcept { map()->refs.fetch_add(1, std::memory_order_relaxed); }

void context_ref::drop() noexcept {
    // acq_rel: all use through other references comes before the end
    if (map()->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete map();
}

const std::shared_ptr<void>* context_ref::find(std::uint64_t id) const noexcept {
    if (map() == nullptr) return nullptr;
    const auto at = map()->values.find(id);
    return at != map()->values.end() ? &at->second : nullptr;
}

void context_ref::set(std::uint64_t id, std::shared_ptr<void> value) {
    if (map() == nullptr || map()->is_shared()) {
        auto own = std::make_unique<context_map>();
        if (map() != nullptr) own->values = map()->values;
        own->values[id].swap(value);
        if (map() != nullptr) drop();
        exchange(own.release());
    } else {
        map()->values[id].swap(value);
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

std::uint64_t new_context_id() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

} // namespace weft::detail
