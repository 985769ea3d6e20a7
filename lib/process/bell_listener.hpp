// SPDX-License-Identifier: Apache-2.0
// A runtime that hears a pool's bell. Protocol: README.md, "Mail".
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include <weft/fiber/waker.hpp>

#include "io/registration.hpp"

namespace weft::detail {

class process_pool;
class runtime_core;

/// Whenever the bell was rung, a fiber of the runtime collects the pool's mail. A waiter that is no fiber: ends with the pool or the
/// runtime.
///
/// | field                | written by                                                            |
/// |----------------------|-----------------------------------------------------------------------|
/// | op_, word, itself_   | who arms it, under mutex_; then by who ends the wait                   |
/// | stopped_, bell_      | under mutex_                                                          |
class bell_listener final : public waiter, public std::enable_shared_from_this<bell_listener> {
public:
    /// Throws std::system_error if the runtime can't watch a descriptor, std::bad_alloc.
    static std::shared_ptr<bell_listener> start(std::weak_ptr<process_pool> pool,
                                                runtime_core& runtime, int bell);
    bell_listener(std::weak_ptr<process_pool> pool, runtime_core& runtime) noexcept;

    /// On return it hears nothing more; a fiber that has heard may still collect. Any thread, any number of times.
    void stop() noexcept;
    /// The same, and the pool relies on it no more.
    void leave() noexcept;

    [[nodiscard]] bool has_stopped() const noexcept {
        return stopped_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] const runtime_core& runtime() const noexcept { return runtime_; }
    void resume() noexcept override;

private:
    void arm();
    void heard();

    const std::weak_ptr<process_pool> pool_;
    runtime_core& runtime_;
    operation op_;
    std::shared_ptr<bell_listener> itself_; // while it waits: its waker is with the reactor
    std::mutex mutex_;
    std::atomic<bool> stopped_{false};
    std::optional<fd_registration> bell_;
};

} // namespace weft::detail
