// SPDX-License-Identifier: Apache-2.0
// The least that a hand-over to another thread or process costs on this machine.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "bench.hpp"

namespace bench {
namespace {

/// An eventfd that is waited for through an epoll instance.
class bell {
public:
    bell() {
        epoll_event e{.events = EPOLLIN, .data = {}};
        epoll_ctl(poller_, EPOLL_CTL_ADD, fd_, &e);
    }
    ~bell() {
        close(poller_);
        close(fd_);
    }
    bell(const bell&) = delete;
    bell& operator=(const bell&) = delete;
    void ring() {
        const std::uint64_t one = 1;
        static_cast<void>(!write(fd_, &one, sizeof one));
    }
    void wait() {
        epoll_event e;
        epoll_wait(poller_, &e, 1, -1);
        std::uint64_t count = 0;
        static_cast<void>(!read(fd_, &count, sizeof count));
    }

private:
    const int poller_ = epoll_create1(EPOLL_CLOEXEC), fd_ = eventfd(0, EFD_CLOEXEC);
};

} // namespace

double floor_eventfd(int n) {
    bell there, back;
    std::atomic<bool> stop{false};
    std::thread other([&] {
        for (;;) {
            there.wait();
            if (stop) return;
            back.ring();
        }
    });
    const double us = median_of_each(n, [&] {
        there.ring();
        back.wait();
    });
    stop = true;
    there.ring();
    other.join();
    return us;
}

double floor_socketpair(std::size_t bytes, int n) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return 0;
    std::vector<char> buffer(bytes, 'x');
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        while (recv(ends[1], buffer.data(), bytes, 0) > 0) send(ends[1], buffer.data(), bytes, 0);
        _exit(0);
    }
    close(ends[1]);
    const double us = median_of_each(n, [&] {
        send(ends[0], buffer.data(), bytes, 0);
        recv(ends[0], buffer.data(), bytes, 0);
    });
    close(ends[0]);
    waitpid(child, nullptr, 0);
    return us;
}

double floor_shared(std::size_t bytes, int n) {
    int ends[2];
    const int memory = memfd_create("floor", MFD_CLOEXEC);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 ||
        ftruncate(memory, static_cast<off_t>(bytes)) != 0)
        return 0;
    auto* at =
        static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0));
    if (at == MAP_FAILED) return 0;
    volatile char seen = 0;
    const auto read_all = [&] {
        for (std::size_t i = 0; i < bytes; i += 64) seen = at[i]; // every cache line
    };
    char word = 0;
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        while (recv(ends[1], &word, 1, 0) > 0) {
            read_all();
            std::memset(at, 'y', bytes);
            send(ends[1], &word, 1, 0);
        }
        _exit(0);
    }
    close(ends[1]);
    const double us = median_of_each(n, [&] {
        std::memset(at, 'x', bytes);
        send(ends[0], &word, 1, 0);
        recv(ends[0], &word, 1, 0);
        read_all();
    });
    close(ends[0]);
    waitpid(child, nullptr, 0);
    munmap(at, bytes);
    close(memory);
    return us;
}

} // namespace bench
