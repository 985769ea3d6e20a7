// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "reactor/backend.hpp"
#include "reactor/sleep_place.hpp"

namespace weft::detail {

/// Edge-triggered epoll; each descriptor is registered once, for both directions. While there is none, it sleeps in a futex.
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
    unsigned take_events(deadline_ns until) noexcept;

    int epoll_;
    int event_;
    sleep_place sleep_;
};

} // namespace weft::detail
