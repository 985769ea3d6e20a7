// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "reactor/backend.hpp"

namespace weft::detail {

/// Edge-triggered epoll; each descriptor is registered once, for both directions.
class epoll_backend final : public backend {
public:
    /// Throws std::system_error if the kernel gives no descriptors.
    epoll_backend();
    ~epoll_backend() override;

    const char* name() const noexcept override { return "epoll"; }
    std::error_code attach(io_slot& slot) noexcept override;
    void detach(io_slot& slot) noexcept override;
    void close(io_slot& slot) noexcept override;
    bool submit(operation& op, bool (*begin)(operation&, void*), void* context) noexcept override;
    bool retract(operation& op) noexcept override;
    unsigned poll(deadline_ns until) noexcept override;
    void wake() noexcept override;
    int descriptor() const noexcept override { return epoll_; }

private:
    int epoll_;
    int event_;
    std::atomic<unsigned> attached_{0}; // slots, so far
};

} // namespace weft::detail
