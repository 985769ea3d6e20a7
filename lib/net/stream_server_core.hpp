// SPDX-License-Identifier: Apache-2.0
// A server of streams. Protocol: README.md, "Servers".
#pragma once

#include <memory>
#include <mutex>

#include <weft/base/intrusive_list.hpp>
#include <weft/net/streams.hpp>
#include <weft/sync/event.hpp>
#include <weft/task/task.hpp>

#include "net/socket_transport.hpp"

namespace weft::net::detail {

class client_transport;

/// All but the constants is guarded by lock_, which is never held over a wait. The events are set once.
class stream_server_core : public std::enable_shared_from_this<stream_server_core> {
public:
    template <class Listener>
    stream_server_core(stream_handler handler, Listener listener, std::uint16_t number,
                       std::size_t limit)
        : port(number),
          handler_(std::move(handler)),
          limit_(limit) {
        auto kept = std::make_shared<Listener>(std::move(listener));
        listener_ = &kept->handle();
        keeps_listener_ = std::move(kept);
    }

    void start();
    void close() noexcept;
    void end_clients(bool at_once);
    /// For the end of the handle: closes, cancels the handlers, waits for them and for the accepting task.
    void stop() noexcept;
    void wait_closed();
    [[nodiscard]] bool is_serving() noexcept;

    const std::uint16_t port;

private:
    friend class client_transport;
    class handling;

    void accept_until_closed();
    void pause(int minus_error);
    void serve(int fd);
    void run(handling& me, stream_reader in, stream_writer out);
    void look_for_end() noexcept;
    void report(const std::string& what, std::exception_ptr e) noexcept;

    stream_handler handler_;
    const std::size_t limit_;
    const weft::detail::io_handle* listener_;
    std::shared_ptr<void> keeps_listener_;

    std::mutex lock_;
    weft::detail::intrusive_list<handling> handlings_;
    weft::detail::intrusive_list<client_transport> clients_;
    bool accepts_ = false;       // its task has not ended
    bool ends_handlers_ = false; // stop
    bool ended_clients_ = false; // their handlers' errors are nobody's fault
    bool told_lack_ = false;     // the accepting task's own
    event closed_;               // close was called
    event quiet_;                // and nobody accepts, no handler runs
    event over_;                 // and no connection is open
};

} // namespace weft::net::detail
