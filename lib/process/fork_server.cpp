// SPDX-License-Identifier: Apache-2.0
// Starts workers and tells how they end. See README.md, "Where a worker comes from".
#include "process/fork_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>

#include "process/image.hpp"
#include "process/start.hpp"
#include "process/wire.hpp"
#include "process/worker.hpp"

namespace weft::detail {
namespace {

bool is_single_threaded() {
    std::size_t threads = 0;
    for ([[maybe_unused]] const auto& t : std::filesystem::directory_iterator("/proc/self/task"))
        ++threads;
    return threads == 1;
}

class fork_server {
public:
    fork_server();
    void serve();

private:
    bool take_order();
    void spawn(const server_order& order, received& message);
    pid_t fork_worker(const received& message);
    void reap();
    void report(const server_report& r) {
        const iovec part{const_cast<server_report*>(&r), sizeof r}; // only read
        static_cast<void>(send_message(k_socket_fd, {&part, 1}, {}, true));
    }

    const pid_t own_pid_ = getpid();
    const bool may_fork_ = is_single_threaded();
    unique_fd children_; // a signalfd for SIGCHLD
    unique_fd program_;  // its pidfd
    std::map<pid_t, std::uint64_t> workers_;
};

fork_server::fork_server() {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, nullptr);
    children_ = unique_fd(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    program_ = unique_fd(static_cast<int>(syscall(SYS_pidfd_open, this_process().program, 0)));
}

void fork_server::serve() {
    if (this_process().modules != modules_hash()) {
        report({server_report::kind::refused, 0, 0, 0, 0});
        return;
    }
    // Without a pidfd (it may be forbidden) the control socket alone tells of the program's end: -1 is skipped by poll.
    pollfd fds[] = {
        {k_socket_fd, POLLIN, 0}, {children_.get(), POLLIN, 0}, {program_.get(), POLLIN, 0}};
    for (;;) {
        if (poll(fds, std::size(fds), -1) < 0) continue; // a signal
        if (fds[1].revents != 0) reap();
        if (fds[0].revents != 0 && !take_order()) return;
        if (fds[2].revents != 0) return;
    }
}

// False: the program has closed its end.
bool fork_server::take_order() {
    server_order order;
    received message =
        receive_message(k_socket_fd, std::as_writable_bytes(std::span(&order, 1)), true);
    if (message.size != static_cast<std::ptrdiff_t>(sizeof order)) return false;
    if (order.what == server_order::kind::spawn) {
        spawn(order, message);
    } else {
        for (const auto& [pid, number] : workers_)
            if (number == order.worker) kill(pid, SIGKILL); // not reaped yet: the pid is its own
    }
    return true;
}

void fork_server::spawn(const server_order& order, received& message) {
    const pid_t pid = may_fork_ ? fork_worker(message)
                                : spawn_image(process_role::worker, image_fd(),
                                              message.fds[0].get(), message.fds[1].get());
    if (pid < 0) return report({server_report::kind::failed, order.worker, 0, errno, 0});
    workers_[pid] = order.worker;
    report({server_report::kind::spawned, order.worker, pid, 0, 0});
}

pid_t fork_server::fork_worker(const received& message) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    die_with(own_pid_);
    const int socket = fcntl(message.fds[0].get(), F_DUPFD_CLOEXEC, k_page_fd + 1);
    const int page = fcntl(message.fds[1].get(), F_DUPFD_CLOEXEC, k_page_fd + 1);
    dup3(socket, k_socket_fd, O_CLOEXEC);
    dup3(page, k_page_fd, O_CLOEXEC);
    syscall(SYS_close_range, k_page_fd + 1, ~0U, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    _exit(worker_main(k_socket_fd, k_page_fd));
}

void fork_server::reap() {
    signalfd_siginfo info;
    while (read(children_.get(), &info, sizeof info) > 0) {} // they only say that there is one
    for (;;) {
        siginfo_t end{};
        if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG) != 0 || end.si_pid == 0) return;
        const auto found = workers_.find(end.si_pid);
        if (found == workers_.end()) continue; // a child of a static initialiser
        report({server_report::kind::died, found->second, end.si_pid, end.si_code, end.si_status});
        workers_.erase(found);
    }
}

} // namespace

int fork_server_main() {
    prctl(PR_SET_NAME, "weft-forksrv");
    std::fflush(nullptr); // what static initialisers printed is printed once, not by each worker
    fork_server().serve();
    _exit(0);
}

} // namespace weft::detail
