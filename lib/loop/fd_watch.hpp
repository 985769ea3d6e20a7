// SPDX-License-Identifier: Apache-2.0
// add_reader and add_writer: a waiter that is no fiber. Protocol: README.md.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include <weft/base/unique_function.hpp>
#include <weft/task/future_core.hpp>

#include "io/registration.hpp"
#include "loop/callback.hpp"

namespace weft::detail {

/// | field                 | written by                                                             |
/// |-----------------------|------------------------------------------------------------------------|
/// | armed_, registration_ | under mutex_                                                           |
/// | op_, word             | who arms it; then as the seam says                                     |
/// | next_                 | who arms it, under mutex_; taken by resume, or by who took op_ back    |
/// | resumed_              | resume, last; cleared by who arms it                                   |
class fd_watch final : public waiter, public std::enable_shared_from_this<fd_watch> {
public:
    fd_watch(loop_core& loop, int fd, io_direction direction, unique_function<void()> f,
             const void* site);

    /// Throws std::system_error if the descriptor can't be watched, or there is no memory.
    void start();
    /// On return it does not run again; a run that is under way elsewhere may still end. Any thread, any number of times.
    void stop() noexcept;

    void resume() noexcept override;

private:
    void turn();
    void arm();
    static bool begin_wait(operation& op, void* self);
    void await_resumed() const noexcept;

    loop_core& loop_;
    const int fd_;
    unique_function<void()> function_;
    const void* const site_;
    operation op_;
    core_ref<callback> next_;
    std::atomic<bool> resumed_{false};
    std::atomic<bool> stopped_{false};
    std::mutex mutex_;
    bool armed_ = false; // op_ was left with the kernel since, and may or may not have completed
    std::optional<fd_registration> registration_;
};

} // namespace weft::detail
