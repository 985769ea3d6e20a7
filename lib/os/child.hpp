// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>

#include <weft/io/io_handle.hpp>
#include <weft/sync/mutex.hpp>

#include "os/spawn.hpp"

namespace weft::detail {

/// A child, and its status once somebody asked for it. Protocol: README.md, "Processes".
class child {
public:
    child(spawned&& s, const subprocess_options& options);
    /// Kills and reaps, or lets it go.
    ~child();
    child(const child&) = delete;
    child& operator=(const child&) = delete;

    /// Its status, if it has ended; never waits.
    std::optional<int> look();
    int wait();
    void send_signal(int signal);

    const pid_t pid;
    const bool kill_on_drop;
    stream_writer in;
    stream_reader out, err;

private:
    ssize_t await_end(deadline_ns limit);

    const io_handle pidfd_;
    mutex turn_; // of who waits for pidfd_
    std::mutex lock_;
    std::optional<int> code_; // guarded by lock_
};

} // namespace weft::detail
