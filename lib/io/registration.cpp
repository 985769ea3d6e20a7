// SPDX-License-Identifier: Apache-2.0
#include "io/registration.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "sched/scheduler.hpp"

namespace weft::detail {

fd_registration::fd_registration(scheduler& home, reactor& with, int fd)
    : home_(home),
      slot_(home.slots()->take(fd)) {
    slot_->home.store(&with, std::memory_order_relaxed);
    error_ = with.kernel().attach(*slot_).value();
    if (error_ != EEXIST) return;
    twin_ = slot_->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    error_ = twin_ < 0 ? EMFILE : with.kernel().attach(*slot_).value();
}

fd_registration::~fd_registration() {
    if (error_ == 0)
        home_.slots()->release(slot_);
    else
        home_.slots()->put(slot_);
    if (twin_ >= 0) ::close(twin_);
}

} // namespace weft::detail
