// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/unique_fd.hpp"
#include "process/wire.hpp"

namespace weft::detail {

/// The pool's end of a fork server. Under the pool's mutex; `next_report` by the manager alone.
class server_handle {
public:
    /// Starts one. Throws std::system_error.
    server_handle();
    /// Lets it go (it ends its workers) and reaps it.
    ~server_handle();
    server_handle(const server_handle&) = delete;
    server_handle& operator=(const server_handle&) = delete;

    /// False: it has ended, which `next_report` will tell.
    bool spawn(std::uint64_t worker, int socket, int page) noexcept;
    bool kill(std::uint64_t worker) noexcept;

    [[nodiscard]] int socket() const noexcept { return socket_.get(); }
    /// Empty: nothing now, or (`ended`) never again.
    std::optional<server_report> next_report(bool& ended) noexcept;

private:
    unique_fd socket_;
    pid_t pid_ = -1;
};

/// Both ends of a SOCK_SEQPACKET pair, with room for the largest message. Throws std::system_error.
std::pair<unique_fd, unique_fd> socket_pair();

} // namespace weft::detail
