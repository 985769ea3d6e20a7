// SPDX-License-Identifier: Apache-2.0
// weft::run and SIGINT, as asyncio.run does it since 3.11: the first one cancels the main task, a second one has the default
// action again.
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include <weft/task/runtime.hpp>

namespace weft::detail {
namespace {

std::atomic<int> signal_event{-1};

void on_interrupt(int) {
    const int saved = errno;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written =
        write(signal_event.load(std::memory_order_acquire), &one, sizeof one); // with the guard
    signal(SIGINT, SIG_DFL); // the second one ends the process
    errno = saved;
}

bool is_main_thread() noexcept { return syscall(SYS_gettid) == getpid(); }

} // namespace

struct interrupt_guard::state {
    task_handle main;
    int event = -1;
    struct sigaction before {};
    std::atomic<bool> interrupted{false};
    std::atomic<bool> ending{false};
    std::thread
        watcher; // sleeps in read(2); cancelling takes locks, which a signal handler must not

    void watch() {
        std::uint64_t count = 0;
        while (read(event, &count, sizeof count) < 0 && errno == EINTR) {}
        if (ending.load(std::memory_order_acquire)) return; // pairs with the destructor
        interrupted.store(true, std::memory_order_release); // pairs with interrupted()
        main.cancel("SIGINT");
    }
};

interrupt_guard::interrupt_guard(task_handle main) {
    struct sigaction now {};
    if (!is_main_thread() || sigaction(SIGINT, nullptr, &now) != 0 ||
        (now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL)
        return;
    const int event = eventfd(0, EFD_CLOEXEC);
    if (event < 0) return; // no descriptor left: SIGINT keeps its default action
    state_ = std::make_unique<state>();
    state_->main = std::move(main);
    state_->event = event;
    signal_event.store(event, std::memory_order_release); // pairs with on_interrupt
    state_->watcher = std::thread([s = state_.get()] {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        s->watch();
    });
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, &state_->before);
}

interrupt_guard::~interrupt_guard() {
    if (!state_) return;
    sigaction(SIGINT, &state_->before, nullptr);
    state_->ending.store(true, std::memory_order_release); // pairs with watch
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(state_->event, &one, sizeof one);
    state_->watcher.join();
    close(state_->event);
}

bool interrupt_guard::interrupted() const noexcept {
    return state_ && state_->interrupted.load(std::memory_order_acquire); // pairs with watch
}

} // namespace weft::detail
