// SPDX-License-Identifier: Apache-2.0
// A loop's handler of one signal.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include <weft/base/unique_function.hpp>

#include "os/signal_watch.hpp"

namespace weft::detail {

class loop_core;

class signal_handler final : public std::enable_shared_from_this<signal_handler> {
public:
    signal_handler(loop_core& loop, unique_function<void()> f, const void* site)
        : loop_(loop),
          function_(std::move(f)),
          site_(site) {}

    /// By the thread of the signals.
    void arrived() noexcept;
    /// On return it does not begin to run again.
    void stop() noexcept {
        stopped_.store(true, std::memory_order_relaxed);
        watch.reset();
    }

    std::optional<signal_watch> watch;

private:
    loop_core& loop_;
    unique_function<void()> function_;
    const void* const site_;
    std::atomic<bool> stopped_{false};
};

} // namespace weft::detail
