// SPDX-License-Identifier: Apache-2.0
// The server: who is connected, and how it begins and ends. Protocol: README.md.
#pragma once

#include <atomic>
#include <mutex>

#include <weft/base/intrusive_list.hpp>
#include <weft/base/spin_lock.hpp>
#include <weft/http/server.hpp>
#include <weft/net/tcp.hpp>
#include <weft/sched/suspend.hpp>
#include <weft/task/task.hpp>

#include "http/router.hpp"

namespace weft::http::detail {

class connection;

using weft::detail::deadline_ns;
using weft::detail::k_never;

/// | field                              | guarded by                                                   |
/// |------------------------------------|--------------------------------------------------------------|
/// | listener_, listening_, serving_    | mutex_ (never held over a wait)                              |
/// | connections_, open_, waits_, past_ | lock_                                                        |
/// | stopping_, draining_, cut_         | atomics, set by stop and drain, cleared when serve returns   |
/// | reserve_                           | the task in serve                                            |
class server_core {
public:
    explicit server_core(server_options o) : options(std::move(o)) {}

    void add_route(std::string_view method, std::string_view pattern, handler h);
    void listen();
    std::uint16_t port();
    void serve();
    void stop() noexcept;
    server_stats stats() noexcept;

    // ---- for connections
    void enter(connection& c) noexcept;
    /// Its task runs; false: too late, it must go.
    bool begin(connection& c, task_handle task) noexcept;
    /// The connection's last step: nothing of the server may be touched after it.
    void leave(connection& c) noexcept;
    /// Has the time for answers in the making run out?
    [[nodiscard]] bool cut() const noexcept { return cut_.load(std::memory_order_relaxed); }
    /// seq_cst pairs with cancel_idle: a connection that turns idle sees this, or is seen idle.
    [[nodiscard]] bool draining() const noexcept {
        return draining_.load(std::memory_order_seq_cst);
    }
    void report(const request& r, std::exception_ptr e) noexcept;

    const server_options options;
    router routes;

private:
    void accept_until_stopped();
    void shed() noexcept;
    void start(int fd);
    void drain();
    void cancel_idle();
    void cancel_all();
    template <class Ready>
    bool wait_until(Ready ready, deadline_ns limit, bool cancellable = true);
    void wake_server() noexcept;

    std::mutex mutex_;
    net::tcp_listener listener_;
    bool listening_ = false;
    bool serving_ = false;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> draining_{false};
    std::atomic<bool> cut_{false};
    int reserve_ = -1; // a descriptor to give up when there are no others; serve's own

    weft::detail::spin_lock lock_;
    weft::detail::intrusive_list<connection> connections_;
    unsigned open_ = 0;
    weft::detail::waker waits_; // serve, for open_ or stopping_ to change
    bool is_waited_for_ = false;
    server_stats past_; // of connections that have ended
};

} // namespace weft::http::detail
