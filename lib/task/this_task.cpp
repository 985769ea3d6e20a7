// SPDX-License-Identifier: Apache-2.0
// What a running task may ask of itself, and the plain ways to wait.
#include <weft/task/task.hpp>

#include <stdexcept>

#include "task/runtime_core.hpp"

namespace weft {
namespace {

detail::task_base& running() {
    if (detail::task_base* t = detail::current_task_base()) return *t;
    throw std::logic_error("weft: no task is running here");
}

} // namespace

clock::time_point clock::now() noexcept {
    detail::runtime_core* r = detail::current_runtime_or_null();
    return time_point(
        duration(r != nullptr ? r->sched().time().now() : detail::time_source::monotonic_now()));
}

namespace detail {

deadline_ns deadline_after(std::chrono::nanoseconds d) noexcept {
    const deadline_ns now = clock::now().time_since_epoch().count();
    if (d.count() <= 0) return now;
    return d.count() >= k_never - now ? k_never : now + d.count();
}

} // namespace detail

task_handle current_task() {
    return task_handle(detail::core_ref<detail::future_core>::share(&running().core()));
}

namespace this_task {

std::uint64_t id() { return running().id(); }
std::string name() { return running().name(); }
void set_name(std::string name) { running().set_name(std::move(name)); }
bool cancel_requested() { return running().cancelling() > 0; }

} // namespace this_task

void sleep_for(std::chrono::nanoseconds d) {
    if (d.count() <= 0) return yield();
    detail::wait w(detail::wait_reason::time);
    if (!w.begin() || w.park(detail::deadline_after(d)) == detail::wait_end::cancelled)
        w.throw_cancelled();
}

void yield() { detail::yield_now(); }

void checkpoint() {
    detail::throw_if_cancelled();
    if (detail::others_wait()) detail::yield_now();
}

} // namespace weft
