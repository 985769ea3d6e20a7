// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace weft {

/// Waits until a descriptor of somebody else's can be read (or is at its end), or written, without blocking: to drive any library
/// that shows its socket (libpq, hiredis, ...). It may be a blocking one; nothing is done to it; close it only when nobody waits.
/// What can't be waited for (a regular file) is always ready.
///
/// Suspends a task, blocks a plain thread. A cancel point. Throws timeout_error after the limit, cancelled_error, and
/// std::system_error for what is no descriptor. Costs two or three system calls more than a wait on weft's own sockets.
///
///     while (PQconsumeInput(c) && PQisBusy(c)) weft::wait_readable(PQsocket(c), 5s);
void wait_readable(int fd);
void wait_readable(int fd, std::chrono::nanoseconds limit);
void wait_writable(int fd);
void wait_writable(int fd, std::chrono::nanoseconds limit);

} // namespace weft
