// SPDX-License-Identifier: Apache-2.0
#include "os/signal_watch.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace weft::detail {
namespace {

constexpr int k_signals = 65; // 1 to 64

// What the handler touches.
std::atomic<bool> arrived_signals[k_signals];
std::atomic<int> event{-1};
std::atomic<int> handlers_inside{0};
std::atomic<pid_t> owner{0};

void ring() noexcept {
    handlers_inside.fetch_add(1,
                              std::memory_order_seq_cst); // before event is read: pairs with stop
    const std::uint64_t one = 1;
    if (const int fd = event.load(std::memory_order_seq_cst); fd >= 0) [[maybe_unused]]
        const auto written = write(fd, &one, sizeof one);
    handlers_inside.fetch_sub(1, std::memory_order_release); // pairs with stop: fd may be closed
}

void on_signal(int signal) {
    const int saved = errno;
    if (getpid() != owner.load(std::memory_order_relaxed)) { // a child by fork: nobody listens here
        ::signal(signal, SIG_DFL);
        raise(signal); // delivered when this handler has returned
    } else {
        arrived_signals[signal].store(true, std::memory_order_release); // pairs with dispatch
        ring();
    }
    errno = saved;
}

/// The watches, and the thread that calls them while there are any.
class hub {
public:
    void add(signal_watch& w) {
        const std::lock_guard life(life_);
        const bool first = watchers(w.signal) == 0;
        {
            const std::lock_guard guard(lock_);
            watches_.reserve(watches_.size() + 1);
        }
        if (count_ == 0) start();
        {
            const std::lock_guard guard(lock_);
            watches_.push_back(&w);
        }
        ++count_;
        if (!first) return;
        struct sigaction ours {};
        ours.sa_handler = on_signal;
        sigemptyset(&ours.sa_mask);
        ours.sa_flags = SA_RESTART | SA_ONSTACK;
        if (sigaction(w.signal, &ours, &before_[w.signal]) == 0) return;
        const int error = errno;
        forget(w);
        throw std::system_error(error, std::generic_category(),
                                "weft: signal " + std::to_string(w.signal) + " can't be handled");
    }

    void remove(signal_watch& w) noexcept {
        const std::lock_guard life(life_);
        struct sigaction now {};
        if (watchers(w.signal) == 1 && sigaction(w.signal, nullptr, &now) == 0 &&
            now.sa_handler == on_signal)
            sigaction(w.signal, &before_[w.signal], nullptr);
        forget(w);
    }

private:
    [[nodiscard]] int watchers(int signal) noexcept {
        const std::lock_guard guard(lock_);
        int n = 0;
        for (const signal_watch* w : watches_) n += w->signal == signal ? 1 : 0;
        return n;
    }

    void forget(signal_watch& w) noexcept {
        {
            const std::lock_guard guard(lock_);
            std::erase(watches_, &w);
        }
        if (--count_ == 0) stop();
    }

    void start() {
        const int fd = eventfd(0, EFD_CLOEXEC);
        if (fd < 0)
            throw std::system_error(errno, std::generic_category(), "weft: eventfd for signals");
        for (auto& a : arrived_signals) a.store(false, std::memory_order_relaxed);
        owner.store(getpid(), std::memory_order_relaxed);
        ending_.store(false, std::memory_order_relaxed);
        event.store(fd, std::memory_order_seq_cst); // pairs with ring
        // It takes no signal itself: they interrupt whoever they would have interrupted without us.
        sigset_t all, kept;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &kept);
        try {
            thread_ = std::thread([this, fd] { listen(fd); });
        } catch (...) {
            pthread_sigmask(SIG_SETMASK, &kept, nullptr);
            ::close(event.exchange(-1, std::memory_order_seq_cst));
            throw;
        }
        pthread_sigmask(SIG_SETMASK, &kept, nullptr);
    }

    void stop() noexcept {
        ending_.store(true, std::memory_order_release); // pairs with listen
        ring();
        thread_.join();
        const int fd = event.exchange(-1, std::memory_order_seq_cst);
        // A handler may still be inside, on its way to write; acquire pairs with ring.
        while (handlers_inside.load(std::memory_order_seq_cst) != 0) sched_yield();
        ::close(fd);
    }

    void listen(int fd) noexcept {
        pthread_setname_np(pthread_self(), "weft-signals");
        for (;;) {
            std::uint64_t count = 0;
            while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {}
            if (ending_.load(std::memory_order_acquire)) return; // pairs with stop
            for (int s = 1; s < k_signals; ++s)
                if (arrived_signals[s].exchange(false, std::memory_order_acquire)) // on_signal
                    dispatch(s);
        }
    }

    void dispatch(int signal) noexcept {
        const std::lock_guard guard(lock_);
        for (signal_watch* w : watches_)
            if (w->signal == signal) w->arrived();
    }

    std::mutex life_; // one add or remove at a time; guards what the thread does not touch
    int count_ = 0;
    struct sigaction before_[k_signals] {};
    std::thread thread_;
    std::atomic<bool> ending_{false};
    std::mutex lock_; // guards watches_
    std::vector<signal_watch*> watches_;
};

hub& the_hub() {
    static hub& h = *new hub; // never destroyed: a watch may outlive main
    return h;
}

} // namespace

signal_watch::signal_watch(int number, unique_function<void()> f)
    : signal(number),
      arrived(std::move(f)) {
    if (number < 1 || number >= k_signals)
        throw std::invalid_argument("weft: " + std::to_string(number) + " is no signal: 1 to " +
                                    std::to_string(k_signals - 1));
    the_hub().add(*this);
}

signal_watch::~signal_watch() { the_hub().remove(*this); }

} // namespace weft::detail
