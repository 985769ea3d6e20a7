// SPDX-License-Identifier: Apache-2.0
#include <weft/loop/loop.hpp>

#include "loop/loop_core.hpp"

namespace weft {

using detail::io_direction;

loop::loop() noexcept = default;
loop::~loop() = default;

handle loop::post(unique_function<void()> f, const void* site) {
    return handle(core_->post(std::move(f), site));
}
handle loop::post_at(detail::deadline_ns when, unique_function<void()> f, const void* site) {
    return handle(core_->post_at(when, std::move(f), site));
}

clock::time_point loop::time() const noexcept {
    return clock::time_point(std::chrono::nanoseconds(core_->home().time().now()));
}

// Unlike deadline_after, a negative distance stays one: the earliest runs first.
detail::deadline_ns loop::deadline_in(std::chrono::nanoseconds d) const noexcept {
    detail::deadline_ns when = 0;
    if (__builtin_add_overflow(core_->home().time().now(), d.count(), &when))
        return d.count() > 0 ? detail::k_never : std::numeric_limits<detail::deadline_ns>::min();
    return when;
}

detail::runtime_core& loop::runtime() const { return core_->runtime(); }

void loop::watch_fd(int fd, bool for_writing, unique_function<void()> f, const void* site) {
    core_->watch_fd(fd, for_writing ? io_direction::write : io_direction::read, std::move(f), site);
}
bool loop::remove_reader(int fd) { return core_->unwatch_fd(fd, io_direction::read); }
bool loop::remove_writer(int fd) { return core_->unwatch_fd(fd, io_direction::write); }

void loop::watch_signal(int signal, unique_function<void()> f, const void* site) {
    core_->watch_signal(signal, std::move(f), site);
}
bool loop::remove_signal_handler(int signal) { return core_->unwatch_signal(signal); }

void loop::set_exception_handler(std::function<void(const exception_context&)> handler) {
    core_->runtime().exceptions()->set_handler(std::move(handler));
}

void loop::set_debug(bool on) noexcept { core_->runtime().set_debug(on); }
bool loop::get_debug() const noexcept { return core_->runtime().debug(); }

void loop::set_slow_callback_duration(std::chrono::nanoseconds d) noexcept {
    core_->runtime().set_slow_after(d.count());
}
std::chrono::nanoseconds loop::slow_callback_duration() const noexcept {
    return std::chrono::nanoseconds(core_->runtime().slow_after());
}

} // namespace weft
