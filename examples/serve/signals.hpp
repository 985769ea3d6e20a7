// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace serve {

/// Keeps SIGINT and SIGTERM for a thread of its own. Must be made before any other thread: those inherit its mask.
class stop_signals {
public:
    stop_signals();
    ~stop_signals();
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;

    /// While the result lives, the first signal (also one that came before) calls `stop` on that thread; a second one ends the
    /// process.
    [[nodiscard]] std::jthread watch(std::function<void()> stop) const;

private:
    sigset_t signals_{};
    sigset_t before_{};
};

} // namespace serve
