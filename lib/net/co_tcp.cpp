// SPDX-License-Identifier: Apache-2.0
#include <weft/net/co_tcp.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <new>
#include <optional>
#include <system_error>
#include <vector>

#include "coro/co_waits.hpp"
#include "io/attempt.hpp"
#include "net/socket.hpp"
#include "sched/scheduler.hpp"

namespace weft::net::detail {

using weft::detail::co_driver;
using weft::detail::descriptor;
using weft::detail::io_attempt;
using weft::detail::io_slot;
using weft::detail::operation_kind;

namespace {

operation_kind kind_of(co_socket_wait::action a) noexcept {
    switch (a) {
    case co_socket_wait::action::receive: return operation_kind::receive;
    case co_socket_wait::action::accept: return operation_kind::accept;
    case co_socket_wait::action::connect: return operation_kind::connect;
    default: return operation_kind::send;
    }
}

} // namespace

/// From the first turn to the end of the wait.
struct co_socket_wait::attempt {
    explicit attempt(co_socket_wait& of) noexcept : whole(of), in(*of.handle_.get()) {}

    /// Asks the kernel, in a run of the driver. True: it waits, and may be over already: nothing is touched any more.
    bool turn(co_driver& driver);
    /// Takes a step's outcome; false: another turn.
    bool is_over(io_attempt::step now) noexcept;
    io_attempt::step wait_ended(co_driver& driver) noexcept {
        if (whole.limit_ != weft::detail::k_never) weft::detail::reactor::remove(limit);
        return operation->ended(driver.word.how());
    }

    co_socket_wait& whole;
    descriptor::call in;
    std::optional<io_attempt> operation;
    weft::detail::co_timer limit;
};

bool co_socket_wait::attempt::turn(co_driver& driver) {
    for (;;) {
        driver.begin_suspension(whole);
        weft::detail::wait w(operation->why());
        io_attempt::step now = operation->submit(w, driver.home());
        if (now == io_attempt::step::waits) {
            // If it has ended meanwhile, its ender finds us suspending, and we are here until end_suspension.
            if (whole.limit_ != weft::detail::k_never)
                limit.arm(whole.limit_, w.self(), driver.home().local_reactor());
            if (driver.end_suspension()) return true;
            now = wait_ended(driver);
        } else {
            driver.cancel_suspension();
        }
        if (is_over(now)) return false;
    }
}

bool co_socket_wait::attempt::is_over(io_attempt::step now) noexcept {
    switch (now) {
    case io_attempt::step::done:
        whole.result_ = operation->result();
        if (whole.action_ != action::send_all || whole.result_ < 0) return true;
        operation->advance(static_cast<std::size_t>(whole.result_));
        return operation->left() == 0;
    case io_attempt::step::cancelled: whole.cancelled_ = true; return true;
    case io_attempt::step::expired: whole.result_ = -ETIME; return true;
    default: return false;
    }
}

co_socket_wait::attempt& co_socket_wait::under_way() noexcept {
    return *std::launder(reinterpret_cast<attempt*>(attempt_));
}

bool co_socket_wait::await_ready() {
    const bool moves_bytes = action_ != action::accept && action_ != action::connect;
    if (!handle_) result_ = -EBADF;
    if (!handle_ || (moves_bytes && size_ == 0)) return true;
    if (weft::detail::current_driver() != nullptr) {
        handle_.get()->look_around(); // with the stack, if it lets others run
        return false;
    }
    result_ = action_ == action::send_all
                  ? send_all(handle_, {data_, size_}, limit_)
                  : handle_.get()->perform(kind_of(action_), data_, size_, limit_);
    return true;
}

bool co_socket_wait::await_suspend(std::coroutine_handle<> h) {
    static_assert(sizeof(attempt) <= sizeof attempt_ && alignof(attempt) <= alignof(void*));
    whose = h;
    co_driver& driver = *weft::detail::current_driver();
    auto& a = *::new (attempt_) attempt(*this);
    started_ = true;
    int error = EBADF;
    io_slot* const slot = a.in ? handle_.get()->attached_slot(driver.home(), error) : nullptr;
    if (slot == nullptr) {
        result_ = -error;
        return false;
    }
    a.operation.emplace(*slot, kind_of(action_), data_, size_);
    return a.turn(driver);
}

bool co_socket_wait::waits_again(co_driver& driver) noexcept {
    attempt& a = under_way();
    if (a.is_over(a.wait_ended(driver))) return false;
    try {
        return a.turn(driver);
    } catch (const std::system_error& e) { // no further stack can be promised
        result_ = -e.code().value();
        return false;
    }
}

std::ptrdiff_t co_socket_wait::end() {
    // As descriptor::perform: asked after close has shut it down, the kernel says that the peer has ended.
    if (started_ && under_way().in && result_ <= 0 && handle_.fd() < 0) result_ = -ECANCELED;
    if (started_) under_way().~attempt();
    weft::detail::throw_if(cancelled_);
    return result_;
}

std::size_t co_socket_wait::checked_end(const char* what) {
    const std::ptrdiff_t n = end();
    if (n < 0) throw_io_error(n, what);
    return static_cast<std::size_t>(n);
}

} // namespace weft::net::detail

namespace weft::co {
namespace {

/// The attempt is under way; 0 or -errno.
struct co_connect final : net::detail::co_socket_wait {
    using co_socket_wait::co_socket_wait;
    std::ptrdiff_t await_resume() { return end(); }
};

co_task<net::tcp_stream> connect_until(net::address to, weft::detail::deadline_ns limit,
                                       bool no_delay) {
    using namespace net::detail;
    const std::string what = "weft: can't connect to " + to.to_string();
    weft::detail::io_handle h = open_socket(to.native()->sa_family, SOCK_STREAM, what);
    if (no_delay) set_option(h.fd(), IPPROTO_TCP, TCP_NODELAY, 1);
    // The attempt begins before the socket is registered: epoll calls an idle one hung up.
    std::ptrdiff_t n = start_connect(h.fd(), to.native(), to.native_size());
    if (n == -EINPROGRESS || n == -EINTR)
        n = co_await co_operation<co_connect>(h, co_socket_wait::action::connect, to.native(),
                                              to.native_size(), limit);
    if (n < 0) throw_io_error(n, what);
    co_return net::tcp_stream(std::move(h));
}

weft::detail::deadline_ns limit_of(const net::connect_options& options) {
    return options.timeout ? weft::detail::deadline_after(*options.timeout) : weft::detail::k_never;
}

} // namespace

co_task<net::tcp_stream> connect(net::address to, net::connect_options options) {
    co_return co_await connect_until(to, limit_of(options), options.no_delay);
}

co_task<net::tcp_stream> connect(std::string host, std::uint16_t port,
                                 net::connect_options options) {
    const weft::detail::deadline_ns limit = limit_of(options);
    const std::vector<net::address> all = net::resolve(host, port);
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
        try {
            co_return co_await connect_until(all[i], limit, options.no_delay);
        } catch (const std::system_error&) {} // the next one
    }
    co_return co_await connect_until(all.back(), limit, options.no_delay);
}

} // namespace weft::co
