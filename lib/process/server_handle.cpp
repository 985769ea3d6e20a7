// SPDX-License-Identifier: Apache-2.0
#include "process/server_handle.hpp"

#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <system_error>

#include "process/image.hpp"

namespace weft::detail {

std::pair<unique_fd, unique_fd> socket_pair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::system_error(errno, std::generic_category(),
                                "weft: can't make the socket of a worker process");
    std::pair<unique_fd, unique_fd> pair{unique_fd(ends[0]), unique_fd(ends[1])};
    const int room = 4 * static_cast<int>(k_inline_bytes); // the kernel may give less
    for (const int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return pair;
}

server_handle::server_handle() {
    auto [mine, its] = socket_pair();
    pid_ = spawn_image(process_role::fork_server, image_fd(), its.get(), -1);
    if (pid_ < 0)
        throw std::system_error(errno, std::generic_category(),
                                "weft: can't start the fork server of a process pool");
    socket_ = std::move(mine);
}

server_handle::~server_handle() {
    socket_.reset();
    // Reaped already if the program ignores SIGCHLD or waits for any child.
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
}

bool server_handle::spawn(std::uint64_t worker, int socket, int page) noexcept {
    server_order order{server_order::kind::spawn, worker};
    const iovec part{&order, sizeof order};
    const int fds[] = {socket, page};
    return send_message(socket_.get(), {&part, 1}, fds, true) == 0;
}

bool server_handle::kill(std::uint64_t worker) noexcept {
    server_order order{server_order::kind::kill, worker};
    const iovec part{&order, sizeof order};
    return send_message(socket_.get(), {&part, 1}, {}, true) == 0;
}

std::optional<server_report> server_handle::next_report(bool& ended) noexcept {
    server_report r;
    const auto into = std::as_writable_bytes(std::span(&r, 1));
    received m = receive_message(socket_.get(), into, false);
    // It died with orders unread: told once, and before the reports that it had sent.
    if (m.size == -ECONNRESET) m = receive_message(socket_.get(), into, false);
    if (m.size == static_cast<std::ptrdiff_t>(sizeof r)) return r;
    ended = m.size != -EAGAIN;
    return std::nullopt;
}

} // namespace weft::detail
