// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>

#include "reactor/backend.hpp"
#include "reactor/time_source.hpp"

namespace weft::detail {

/// No kernel: timers and wake-ups only. With a virtual time source, waiting moves the time to the deadline at once.
class null_backend final : public backend {
public:
    explicit null_backend(time_source& time) noexcept : time_(time) {}

    const char* name() const noexcept override { return "null"; }
    std::error_code attach(io_slot&) noexcept override {
        return std::make_error_code(std::errc::operation_not_supported);
    }
    void detach(io_slot&) noexcept override {}
    void close(io_slot&) noexcept override {}
    bool submit(operation& op, bool (*)(operation&, void*), void*) noexcept override {
        op.result = -static_cast<ssize_t>(std::errc::operation_not_supported);
        return true;
    }
    bool retract(operation&) noexcept override { return true; }
    unsigned poll(deadline_ns until) noexcept override;
    void wake() noexcept override;
    int descriptor() const noexcept override { return -1; }

private:
    time_source& time_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false;
};

} // namespace weft::detail
