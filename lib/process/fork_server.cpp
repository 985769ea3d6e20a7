// SPDX-License-Identifier: Apache-2.0
// Starts workers and tells how they end. See README.md, "Where a worker comes from".
#include "process/fork_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <vector>

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

    struct child {
        std::uint64_t number;
        pid_t pid;
        unique_fd end; // its pidfd: SIGCHLD could go to a thread that a static initialiser has left
    };

    const pid_t own_pid_ = getpid();
    const bool may_fork_ = is_single_threaded();
    unique_fd program_; // its pidfd
    std::vector<child> workers_;
    std::vector<pollfd> polled_; // control socket, program, workers
};

unique_fd pidfd_of(pid_t pid) noexcept {
    return unique_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

fork_server::fork_server() : program_(pidfd_of(this_process().program)) {
    std::signal(SIGCHLD, SIG_DFL); // a static initialiser may have had children ignored
}

void fork_server::serve() {
    if (this_process().modules != modules_hash()) {
        report({server_report::kind::refused, 0, 0, 0, 0});
        return;
    }
    for (;;) {
        // Without a pidfd of the program the control socket alone tells of its end: -1 is skipped by poll.
        polled_ = {{k_socket_fd, POLLIN, 0}, {program_.get(), POLLIN, 0}};
        for (const child& c : workers_) polled_.push_back({c.end.get(), POLLIN, 0});
        if (poll(polled_.data(), polled_.size(), -1) < 0) continue; // a signal
        reap();
        if (polled_[0].revents != 0 && !take_order()) return;
        if (polled_[1].revents != 0) return;
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
        for (const child& c : workers_)
            if (c.number == order.worker) kill(c.pid, SIGKILL); // not reaped: the pid is its own
    }
    return true;
}

void fork_server::spawn(const server_order& order, received& message) {
    const pid_t pid = may_fork_ ? fork_worker(message)
                                : spawn_image(process_role::worker, image_fd(),
                                              message.fds[0].get(), message.fds[1].get());
    if (pid < 0) return report({server_report::kind::failed, order.worker, 0, errno, 0});
    unique_fd end = pidfd_of(pid);
    if (!end) { // none left: nobody would hear of its end
        const int why = errno;
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        return report({server_report::kind::failed, order.worker, 0, why, 0});
    }
    workers_.push_back({order.worker, pid, std::move(end)});
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
    _exit(worker_main(k_socket_fd, k_page_fd));
}

void fork_server::reap() {
    constexpr std::size_t k_first =
        2; // in polled_; later entries match workers_, whose order is kept
    for (std::size_t i = polled_.size(); i-- > k_first;) {
        if (polled_[i].revents == 0) continue;
        const auto w = workers_.begin() + static_cast<std::ptrdiff_t>(i - k_first);
        siginfo_t end{};
        waitid(P_PID, static_cast<id_t>(w->pid), &end, WEXITED);
        report({server_report::kind::died, w->number, w->pid, end.si_code, end.si_status});
        workers_.erase(w);
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
