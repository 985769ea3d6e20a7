// SPDX-License-Identifier: Apache-2.0
// Accepting connections, and what to do when there is no room for more.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "http/connection.hpp"
#include "http/server_core.hpp"
#include "http/server_wait.hpp"
#include "net/accept.hpp"

namespace weft::http::detail {
namespace {

constexpr unsigned k_shed_at_once = 64;
constexpr auto k_pause =
    std::chrono::milliseconds(10); // before the next try when descriptors or memory have run out

int open_reserve() noexcept { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

} // namespace

void server_core::accept_until_stopped() {
    const auto stopped = [this] { return stopping_.load(std::memory_order_relaxed); };
    const auto stopped_or_room = [&] { return stopped() || open_ < options.max_connections; };
    if (stopped()) return;
    listen();
    struct reserve_guard {
        int& fd;
        ~reserve_guard() {
            if (fd >= 0) ::close(std::exchange(fd, -1));
        }
    } const guard{reserve_ = open_reserve()};
    for (;;) {
        wait_until(stopped_or_room, k_never);
        if (stopped()) return;
        const int fd = net::detail::accept_client(listener_.handle());
        if (fd >= 0) {
            start(fd);
        } else if (net::detail::lacks_room(fd)) {
            shed();
            wait_until(stopped, weft::detail::deadline_after(k_pause));
        } else {
            return;
        }
    }
}

void server_core::start(int fd) {
    try {
        auto c = std::make_unique<connection>(*this, weft::detail::io_handle(fd));
        create_task({.name = "http"}, [c = std::move(c)] { c->run(); });
    } catch (const runtime_closed&) {
        throw;
    } catch (const std::exception&) { // no memory for a stack: its client is turned away
        {
            const std::lock_guard counting(lock_);
            ++past_.shed;
        }
        wait_until([this] { return stopping_.load(std::memory_order_relaxed); },
                   weft::detail::deadline_after(k_pause));
    }
}

// Without a free descriptor nothing could be accepted, and the waiting connections would keep the listener ready for ever.
// The reserve is given up, connections are accepted into its place and closed, and it is taken back.
void server_core::shed() noexcept {
    unsigned count = 0;
    if (reserve_ >= 0) {
        ::close(std::exchange(reserve_, -1));
        for (; count < k_shed_at_once; ++count) {
            const int fd = ::accept4(listener_.native_handle(), nullptr, nullptr,
                                     SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd < 0) break;
            ::close(fd);
        }
    }
    reserve_ = open_reserve();
    const std::lock_guard counting(lock_);
    past_.shed += count;
}

} // namespace weft::http::detail
