// SPDX-License-Identifier: Apache-2.0
#include "reactor/epoll_backend.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"
#include "base/futex.hpp"
#include "reactor/readiness.hpp"
#include "reactor/time_source.hpp"

namespace weft::detail {
namespace {

constexpr std::uint64_t k_wake_token = 0;
constexpr int k_pointer_bits = 48; // user addresses on x86-64 and aarch64

std::uint64_t token_of(const io_slot& slot) noexcept {
    const std::uint64_t generation = slot.generation.load(std::memory_order_relaxed);
    return reinterpret_cast<std::uintptr_t>(&slot) | (generation << k_pointer_bits);
}

io_slot* slot_of(std::uint64_t token) noexcept {
    auto* slot = reinterpret_cast<io_slot*>(token & ((std::uint64_t{1} << k_pointer_bits) - 1));
    // acquire pairs with the release in slot_pool::put: a recycled slot shows its new generation
    const std::uint64_t now = slot->generation.load(std::memory_order_acquire);
    return (now & 0xffff) == token >> k_pointer_bits ? slot : nullptr;
}

[[noreturn]] void no_descriptor(const char* call) {
    throw std::system_error(errno, std::generic_category(), std::string("weft: ") + call);
}

int wait(int epoll, epoll_event* events, int count, deadline_ns until) noexcept {
    if (until <= 0) return epoll_wait(epoll, events, count, 0);
    if (until == k_never) return epoll_wait(epoll, events, count, -1);
    const deadline_ns left = std::max<deadline_ns>(0, until - time_source::monotonic_now());
    static std::atomic<bool> lacks_pwait2{false}; // Linux 5.11 has it
    if (!lacks_pwait2.load(std::memory_order_relaxed)) {
        const timespec t = to_timespec(left);
        const int n = epoll_pwait2(epoll, events, count, &t, nullptr);
        if (n >= 0 || errno != ENOSYS) return n;
        lacks_pwait2.store(true, std::memory_order_relaxed);
    }
    const deadline_ns ms = (left + 999'999) / 1'000'000; // rounded up: never early
    return epoll_wait(epoll, events, count, static_cast<int>(std::min<deadline_ns>(ms, 1 << 30)));
}

} // namespace

epoll_backend::epoll_backend() : epoll_(epoll_create1(EPOLL_CLOEXEC)), event_(-1) {
    if (epoll_ < 0) no_descriptor("epoll_create1");
    event_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    epoll_event e{};
    // Each write is an edge of its own, and one that meets no poll stays in the ready list: nobody need read the counter.
    e.events = EPOLLIN | EPOLLET;
    e.data.u64 = k_wake_token;
    if (event_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &e) != 0) {
        const int error = errno;
        if (event_ >= 0) ::close(event_);
        ::close(epoll_);
        errno = error;
        no_descriptor("eventfd");
    }
    // The thread sanitizer runs a signal's handler only once the thread is in a call that it knows: a bare futex is none.
    if (k_tsan) (void)sleep_.descriptor_added();
}

epoll_backend::~epoll_backend() {
    ::close(event_);
    ::close(epoll_);
}

std::error_code epoll_backend::attach(io_slot& slot) noexcept {
    epoll_event e{};
    e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    e.data.u64 = token_of(slot);
    if (sleep_.descriptor_added()) wake();
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, slot.fd, &e) == 0) return {};
    const int error = errno;
    sleep_.descriptor_removed();
    return {error, std::generic_category()};
}

void epoll_backend::detach(io_slot& slot) noexcept {
    if (epoll_ctl(epoll_, EPOLL_CTL_DEL, slot.fd, nullptr) == 0) sleep_.descriptor_removed();
}

void epoll_backend::close(io_slot& slot) noexcept { mark_closed(slot); }

bool epoll_backend::submit(operation& op, bool (*begin)(operation&, void*),
                           void* context) noexcept {
    return submit_by_readiness(op, begin, context);
}

bool epoll_backend::retract(operation& op) noexcept { return retract_by_readiness(op); }

unsigned epoll_backend::poll(deadline_ns until) noexcept {
    using place = sleep_place::place;
    if (until > 0) {
        const place where = sleep_.begin();
        unsigned completed = 0;
        if (where == place::futex)
            futex_wait(sleep_.futex_word(), sleep_place::k_in_futex, until);
        else if (where == place::epoll)
            completed = take_events(until);
        if (where != place::nowhere) sleep_.end();
        if (where == place::epoll) return completed;
    }
    return sleep_.has_descriptors() ? take_events(0) : 0;
}

unsigned epoll_backend::take_events(deadline_ns until) noexcept {
    epoll_event events[k_batch];
    const int n = wait(epoll_, events, k_batch, until);
    // Who hears of a slot has it from the kernel, which is no order that the language knows: acquire pairs with attach.
    (void)sleep_.has_descriptors();
    unsigned completed = 0;
    for (int i = 0; i < n; ++i) {
        const epoll_event& e = events[i];
        if (e.data.u64 == k_wake_token) continue;
        io_slot* slot = slot_of(e.data.u64);
        if (slot == nullptr) continue; // closed since
        const bool ended = (e.events & (EPOLLHUP | EPOLLERR)) != 0;
        if (ended || (e.events & EPOLLRDHUP) != 0)
            slot->hung_up.store(true, std::memory_order_relaxed);
        if (ended || (e.events & (EPOLLIN | EPOLLRDHUP)) != 0)
            completed += mark_ready(*slot, io_direction::read);
        if (ended || (e.events & EPOLLOUT) != 0)
            completed += mark_ready(*slot, io_direction::write);
    }
    return completed;
}

void epoll_backend::wake() noexcept {
    using place = sleep_place::place;
    const place where = sleep_.notify();
    if (where == place::futex) {
        futex_wake(sleep_.futex_word(), 1);
    } else if (where == place::epoll) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written =
            write(event_, &one, sizeof one); // would be full after 580 years of a wake each ns
    }
}

} // namespace weft::detail
