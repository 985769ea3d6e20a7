// SPDX-License-Identifier: Apache-2.0
#include "io/perform.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "io/attempt.hpp"
#include "reactor/time_source.hpp"

namespace weft::detail {
ssize_t perform_on(io_slot& slot, scheduler& home, operation_kind kind, void* buffer,
                   std::size_t size, deadline_ns limit) {
    using step = io_attempt::step;
    io_attempt attempt(slot, kind, buffer, size);
    for (;;) {
        wait w(attempt.why());
        step now = attempt.submit(w, home);
        if (now == step::waits) now = attempt.ended(w.park(limit));
        if (now == step::done) return attempt.result();
        if (now == step::cancelled) w.throw_cancelled();
        if (now == step::expired) return -ETIME;
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
