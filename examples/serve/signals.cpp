// SPDX-License-Identifier: Apache-2.0
#include "signals.hpp"

#include <cerrno>
#include <ctime>
#include <utility>

namespace serve {

stop_signals::stop_signals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

stop_signals::~stop_signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

std::jthread stop_signals::watch(std::function<void()> stop) const {
    return std::jthread([this, stop = std::move(stop)](const std::stop_token& ending) {
        bool stopped = false;
        while (!ending.stop_requested()) {
            const timespec while_ending{
                0, 50'000'000}; // how long the end of the program may have to wait
            const int signal = sigtimedwait(&signals_, nullptr, &while_ending);
            if (signal < 0) continue;
            if (std::exchange(stopped, true)) {
                // A second one: its default action, now.
                ::signal(signal, SIG_DFL);
                pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
                raise(signal);
            }
            stop();
        }
    });
}

} // namespace serve
