// SPDX-License-Identifier: Apache-2.0
// What lies under a stream's reader and writer.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>

#include <weft/io/io_handle.hpp>

#include "reactor/operation.hpp"

namespace weft::detail {

/// A way for bytes. One task receives, one sends; everything else may be called by anybody at any time.
/// Results are bytes, or -errno; -ECANCELED once closed. What waits suspends, and throws cancelled_error.
class transport {
public:
    transport() = default;
    transport(const transport&) = delete;
    transport& operator=(const transport&) = delete;
    virtual ~transport() = default;

    /// At least one byte; 0 at the end. May wait.
    virtual ssize_t receive(void* to, std::size_t size) = 0;
    /// At least one byte. May wait.
    virtual ssize_t send(const void* from, std::size_t size) = 0;
    /// As much as goes at once; -EAGAIN: nothing. Never waits, is no cancel point.
    virtual ssize_t try_send(const void* from, std::size_t size) noexcept = 0;
    /// The peer's read ends after what was sent. 0, or -errno.
    virtual int shutdown_write() noexcept = 0;
    /// Receiving ends, also for who waits; what is to be sent goes on.
    virtual void stop_receiving() noexcept = 0;
    /// Everything ends.
    virtual void close() noexcept = 0;

    [[nodiscard]] virtual int native_handle() const noexcept = 0;
    [[nodiscard]] virtual std::string local_name() const { return {}; }
    [[nodiscard]] virtual std::string peer_name() const { return {}; }
};

/// A socket, or one end of a pipe.
class fd_transport : public transport {
public:
    enum class kind { socket, pipe };
    fd_transport(io_handle handle, kind k) noexcept : handle_(std::move(handle)), kind_(k) {}

    ssize_t receive(void* to, std::size_t size) override;
    ssize_t send(const void* from, std::size_t size) override;
    ssize_t try_send(const void* from, std::size_t size) noexcept override;
    int shutdown_write() noexcept override;
    void stop_receiving() noexcept override;
    void close() noexcept override { handle_.close(); }
    [[nodiscard]] int native_handle() const noexcept override { return handle_.fd(); }

private:
    [[nodiscard]] operation_kind sending() const noexcept {
        return kind_ == kind::socket ? operation_kind::send : operation_kind::write;
    }
    const io_handle handle_;
    const kind kind_;
    std::atomic<bool> no_more_{false}; // set before the shutdown that ends the receiver's wait
};

} // namespace weft::detail
