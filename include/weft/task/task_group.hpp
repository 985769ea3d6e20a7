// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include <weft/task/task.hpp>

namespace weft {

namespace detail {

class group_core;

/// The group's side, out of line.
group_core* make_group(std::size_t limit);
void destroy_group(group_core* group) noexcept;
/// Waits for a free place, then counts a child in. Throws group_closed, cancelled_error.
void group_enter(group_core& group);
/// The child could not be created after all.
void group_leave(group_core& group) noexcept;
void group_adopt(group_core& group, task_base& child) noexcept;
void group_join(group_core& group, std::exception_ptr body_error);

} // namespace detail

/// Structured concurrency: nobody outlives the braces. The first failure cancels the siblings and the body; all failures
/// come out together as task_errors. A child that is cancelled on its own is no failure.
///
/// Thread safety: create_task from the owner and from children; join by the owner only.
///
///     weft::task_group g;             // task_group g(limit): at most that many at once
///     g.create_task(f);
///     g.join();                       // the destructor cancels and joins
class task_group {
public:
    /// `limit`: create_task waits while so many children live; 0: no limit. Belongs to the running task (std::logic_error).
    explicit task_group(std::size_t limit = 0) : core_(detail::make_group(limit)) {}
    /// Cancels who is left, and joins, whatever happens.
    ~task_group() { detail::destroy_group(core_); }
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;

    /// Throws group_closed once the group aborts or is joined; waits for a place if there is a limit (a cancel point).
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    auto create_task(F&& f, Args&&... args) {
        return create_task(task_options{}, std::forward<F>(f), std::forward<Args>(args)...);
    }
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    [[gnu::noinline]] auto create_task(task_options options, F&& f, Args&&... args) {
        detail::group_enter(*core_);
        bool adopted = false; // from then on the task's end counts it out
        try {
            return detail::start_task(
                detail::current_runtime(), std::move(options), __builtin_return_address(0),
                detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...),
                [&](detail::task_base& child) {
                    detail::group_adopt(*core_, child);
                    adopted = true;
                });
        } catch (...) {
            if (!adopted) detail::group_leave(*core_);
            throw;
        }
    }

    /// Waits for all children, also those added meanwhile. Throws task_errors, or cancelled_error after the children were
    /// cancelled and have ended. A cancel point.
    void join() { detail::group_join(*core_, nullptr); }

    /// For with_task_group: joins after the body has thrown.
    void join_after(std::exception_ptr body_error) {
        detail::group_join(*core_, std::move(body_error));
    }

private:
    detail::group_core* core_;
};

/// Runs body(group) and joins. What the body throws counts as a failure among the others.
template <class Body>
void with_task_group(Body&& body) {
    task_group group;
    std::exception_ptr error;
    try {
        body(group);
    } catch (...) { error = std::current_exception(); }
    group.join_after(std::move(error));
}

} // namespace weft
