// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>

#include <weft/fiber/context.hpp>

namespace weft {

/// A context variable (asyncio's contextvars): each task has a value of its own, which a new task inherits from its creator
/// as it is then; later changes of either are not seen by the other. So with callables of gather that are taken, done callbacks
/// (from who added them) and calls in an executor (from their caller). Plain threads have values of their own.
///
/// Make it where it outlives the tasks: a global, as a rule. Thread-safe; nothing suspends. A value that several tasks
/// inherited is one object, which nobody changes; its destructor runs with the last of them.
///
///     weft::task_local<std::string> request_id("none");
///     request_id.set("r-17");
///     weft::create_task([] { log(request_id.get()); });   // r-17
template <std::copy_constructible T>
class task_local {
public:
    /// `initial`: what get gives where nothing was set.
    explicit task_local(T initial = T()) : initial_(std::move(initial)) {}
    task_local(const task_local&) = delete;
    task_local& operator=(const task_local&) = delete;

    /// A copy of the caller's value.
    [[nodiscard]] T get() const {
        const std::shared_ptr<void>* value = detail::current_context().find(id_);
        return value != nullptr ? *static_cast<const T*>(value->get()) : initial_;
    }
    /// Sets the caller's value, and that of tasks that it creates from now on. Throws std::bad_alloc, and what moving throws.
    void set(T value) { detail::current_context().set(id_, std::make_shared<T>(std::move(value))); }

private:
    const std::uint64_t id_ = detail::new_context_id();
    const T initial_;
};

} // namespace weft
