// SPDX-License-Identifier: Apache-2.0
// Somebody else's descriptor, registered with a reactor for as long as this lives.
#pragma once

#include "reactor/operation.hpp"

namespace weft::detail {

class scheduler;

class fd_registration {
public:
    /// With that reactor of the scheduler. If it has the descriptor already (another task waits for it, or it is one of our own
    /// sockets) a duplicate is registered. Throws std::bad_alloc; what the kernel says is error().
    fd_registration(scheduler& home, reactor& with, int fd);
    ~fd_registration();
    fd_registration(const fd_registration&) = delete;
    fd_registration& operator=(const fd_registration&) = delete;

    /// 0, or errno: EPERM for what is always ready (a regular file), EBADF, EMFILE, ENOMEM.
    [[nodiscard]] int error() const noexcept { return error_; }
    [[nodiscard]] io_slot& slot() const noexcept { return *slot_; }

private:
    scheduler& home_;
    io_slot* const slot_;
    int error_ = 0;
    int twin_ = -1;
};

} // namespace weft::detail
