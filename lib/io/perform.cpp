// SPDX-License-Identifier: Apache-2.0
#include "io/perform.hpp"

#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include <weft/sched/suspend.hpp>

#include "sched/scheduler.hpp"

namespace weft::detail {
namespace {

/// What submit calls just before the operation becomes visible.
struct wait_start {
    wait& w;
    bool refused = false;

    static bool begin(operation& op, void* context) {
        auto& self = *static_cast<wait_start*>(context);
        self.refused = !self.w.begin();
        if (!self.refused) op.who = self.w.self();
        return !self.refused;
    }
};

// How often in a row it was waited on from a worker of another reactor: descriptor::follow moves it then.
void note_wait(io_slot& slot, const reactor* watched_by, scheduler& home) noexcept {
    const bool elsewhere = watched_by != &home.local_reactor();
    const unsigned so_far = slot.waits_elsewhere.load(std::memory_order_relaxed);
    if (elsewhere || so_far != 0)
        slot.waits_elsewhere.store(elsewhere ? so_far + 1 : 0, std::memory_order_relaxed);
}

} // namespace

void await_let_go(const operation& op) noexcept {
    for (int i = 0; !op.let_go.load(std::memory_order_acquire);
         ++i) // pairs with the completer's store
        i < 100 ? cpu_pause() : static_cast<void>(sched_yield());
}

ssize_t perform_on(io_slot& slot, scheduler& home, operation_kind kind, void* buffer,
                   std::size_t size, deadline_ns limit) {
    operation op;
    op.kind = kind;
    op.slot = &slot;
    op.buffer = buffer;
    op.size = size;
    for (;;) {
        wait w;
        wait_start start{w};
        op.who = {};
        reactor* watched_by = slot.home.load(std::memory_order_relaxed);
        backend& kernel = watched_by->kernel();
        if (kernel.submit(op, &wait_start::begin, &start)) {
            if (start.refused) w.throw_cancelled();
            // Begun, then not needed. Who ended it meanwhile (a cancel) also makes us run: that must be met.
            if (op.who.who != nullptr && !w.withdraw()) w.park();
            if (op.result != -EAGAIN) return op.result;
            continue;
        }
        note_wait(slot, watched_by, home);
        const wait_end end = w.park(limit);
        if (end != wait_end::notified && !kernel.retract(op)) {
            await_let_go(op);
            if (op.result != -EAGAIN && op.result != -ECANCELED)
                return op.result; // done: the cancel comes next time
        }
        if (end == wait_end::cancelled) w.throw_cancelled();
        if (end == wait_end::expired) return -ETIME;
        if (op.result != -EAGAIN) return op.result;
    }
}

int poll_once(int fd, io_direction direction, deadline_ns limit) noexcept {
    deadline_ns left = -1; // milliseconds
    if (limit != k_never)
        left = std::max<deadline_ns>(0, limit - time_source::monotonic_now() + 999'999) / 1'000'000;
    pollfd p{fd, static_cast<short>(direction == io_direction::read ? POLLIN | POLLRDHUP : POLLOUT),
             0};
    const int ready =
        poll(&p, 1, static_cast<int>(std::min<deadline_ns>(left, std::numeric_limits<int>::max())));
    if (ready < 0) return errno == EINTR ? 0 : -errno;
    return ready == 0 && time_source::monotonic_now() >= limit ? -ETIME : 0;
}

} // namespace weft::detail
