// SPDX-License-Identifier: Apache-2.0
// The server's beginning and end. Accepting is in accept.cpp.
#include <weft/http/server.hpp>

#include <stdexcept>

#include "http/connection.hpp"
#include "http/server_core.hpp"
#include "http/server_wait.hpp"
#include "task/runtime_core.hpp"

namespace weft::http {

namespace detail {

void server_core::add_route(std::string_view method, std::string_view pattern, handler h) {
    const std::lock_guard guard(mutex_);
    if (serving_) throw std::logic_error("weft: a route added while the server serves");
    routes.add(method, pattern, std::move(h));
}

void server_core::listen() {
    const std::lock_guard guard(mutex_);
    if (listening_) return;
    listener_ = net::tcp_listener::bind(
        options.host, options.port, {.backlog = options.backlog, .reuse_port = options.reuse_port});
    listening_ = true;
}

std::uint16_t server_core::port() {
    {
        const std::lock_guard guard(mutex_);
        if (listener_.port() != 0)
            return listener_.port(); // also after serve: nobody shall listen unasked
    }
    listen();
    return port();
}

void server_core::stop() noexcept {
    {
        const std::lock_guard guard(mutex_);
        stopping_.store(true,
                        std::memory_order_relaxed); // read under lock_, which wake_server takes
        listener_.close();
    }
    wake_server();
}

void server_core::serve() {
    static_cast<void>(weft::detail::current_runtime()); // throws outside a task
    {
        const std::lock_guard guard(mutex_);
        if (serving_) throw std::logic_error("weft: the server serves already");
        serving_ = true;
    }
    struct ended {
        server_core& s;
        ~ended() {
            const std::lock_guard guard(s.mutex_);
            s.serving_ = s.listening_ = false;
            s.stopping_.store(false, std::memory_order_relaxed);
            s.draining_.store(false, std::memory_order_relaxed);
            s.cut_.store(false, std::memory_order_relaxed);
        }
    } const guard{*this};
    try {
        accept_until_stopped();
    } catch (...) { // cancelled, or the listener broke
        drain();
        throw;
    }
    drain();
}

void server_core::enter(connection& c) noexcept {
    const std::lock_guard guard(lock_);
    connections_.push_back(c);
    ++open_;
    ++past_.connections;
}

bool server_core::begin(connection& c, task_handle task) noexcept {
    const std::lock_guard guard(lock_);
    c.task = std::move(task);
    return !cut();
}

void server_core::leave(connection& c) noexcept {
    lock_.lock();
    connections_.remove(c);
    --open_;
    past_.requests += c.counters.requests.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < past_.by_class.size(); ++i)
        past_.by_class[i] += c.counters.by_class[i].load(std::memory_order_relaxed);
    const bool wakes = is_waited_for_ && waits_.claim(weft::detail::wait_end::notified);
    is_waited_for_ = false;
    weft::detail::waiter* who = waits_.who;
    lock_.unlock();
    if (wakes) who->resume(); // the server may be gone once it runs
}

void server_core::wake_server() noexcept {
    lock_.lock();
    const bool wakes = is_waited_for_ && waits_.claim(weft::detail::wait_end::notified);
    is_waited_for_ = false;
    weft::detail::waiter* who = waits_.who;
    lock_.unlock();
    if (wakes) who->resume();
}

// The graceful end: who is idle goes at once, who is answering may finish until the deadline or a second cancel.
void server_core::drain() {
    {
        const std::lock_guard guard(mutex_);
        listener_.close();
    }
    draining_.store(true, std::memory_order_seq_cst); // pairs with draining()
    cancel_idle();
    const auto none = [this] { return open_ == 0; };
    try {
        if (wait_until(none, weft::detail::deadline_after(options.shutdown_deadline))) return;
    } catch (const cancelled_error&) {} // once more: no further patience
    cancel_all();
    wait_until(none, k_never, false);
}

void server_core::cancel_idle() {
    std::vector<task_handle> tasks;
    for (std::size_t room = 16;; room *= 2) { // room is made without the lock
        tasks.reserve(room);
        const std::lock_guard guard(lock_);
        connection* c = connections_.front();
        for (; c != nullptr && tasks.size() < room; c = connections_.next(*c))
            if (c->end_if_idle()) tasks.push_back(c->task);
        if (c == nullptr) break;
    }
    for (const task_handle& t : tasks) t.cancel("the server stops");
}

void server_core::cancel_all() {
    cut_.store(true, std::memory_order_relaxed); // before the lock: who begins later sees it
    std::vector<task_handle> tasks;
    for (std::size_t room = 16;; room *= 2) {
        tasks.clear();
        tasks.reserve(room);
        const std::lock_guard guard(lock_);
        connection* c = connections_.front();
        for (; c != nullptr && tasks.size() < room; c = connections_.next(*c))
            if (c->task.valid()) tasks.push_back(c->task);
        if (c == nullptr) break;
    }
    for (const task_handle& t : tasks) t.cancel("the server's shutdown deadline has passed");
}

void server_core::report(const request& r, std::exception_ptr e) noexcept {
    try {
        if (options.on_error) return options.on_error(r, e);
        const std::string what =
            "a handler of " + std::string(r.method()) + " " + std::string(r.path()) + " threw";
        weft::detail::current_runtime().exceptions()->report(
            {what, e, this_task::name(), nullptr, 0});
    } catch (...) {} // nobody is left to be told
}

server_stats server_core::stats() noexcept {
    const std::lock_guard guard(lock_);
    server_stats all = past_;
    all.open_connections = open_;
    for (connection* c = connections_.front(); c != nullptr; c = connections_.next(*c)) {
        all.requests += c->counters.requests.load(std::memory_order_relaxed);
        for (std::size_t i = 0; i < all.by_class.size(); ++i)
            all.by_class[i] += c->counters.by_class[i].load(std::memory_order_relaxed);
    }
    return all;
}

} // namespace detail

server::server(server_options options)
    : core_(std::make_unique<detail::server_core>(std::move(options))) {}
server::~server() = default;

void server::route(std::string_view method, std::string_view pattern, handler h) {
    core_->add_route(method, pattern, std::move(h));
}
void server::listen() { core_->listen(); }
std::uint16_t server::port() { return core_->port(); }
void server::serve() { core_->serve(); }
void server::stop() noexcept { core_->stop(); }
server_stats server::stats() const { return core_->stats(); }

} // namespace weft::http
