// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <system_error>
#include <vector>

#include <weft/net/tcp.hpp>
#include <weft/net/unix.hpp>

#include "net/accept.hpp"
#include "net/stream_server_core.hpp"
#include "task/runtime_core.hpp"

namespace weft {
namespace net::detail {
namespace {

constexpr auto k_pause = std::chrono::milliseconds(100); // without descriptors, before the next try

bool is_cancelled_io(const std::exception_ptr& e) {
    try {
        std::rethrow_exception(e);
    } catch (const std::system_error& error) {
        return error.code() == std::errc::operation_canceled;
    } catch (...) { return false; }
}

} // namespace

/// A client's socket; the server knows it until it is closed.
class client_transport final : public socket_transport, public weft::detail::list_hook {
public:
    client_transport(std::shared_ptr<stream_server_core> server, int fd)
        : socket_transport(weft::detail::io_handle(fd)),
          server_(std::move(server)) {}
    ~client_transport() override { leave(); }
    void close() noexcept override {
        socket_transport::close();
        leave();
    }
    void enter(const std::shared_ptr<weft::detail::writer_core>& w) {
        const std::lock_guard guard(server_->lock_);
        writer = w;
        server_->clients_.push_back(*this);
    }

    std::weak_ptr<weft::detail::writer_core> writer; // guarded by the server's lock_

private:
    void leave() noexcept {
        const std::lock_guard guard(server_->lock_);
        if (!is_linked()) return;
        server_->clients_.remove(*this);
        server_->look_for_end();
    }
    const std::shared_ptr<stream_server_core> server_;
};

/// A handler's task, from before it exists until its closure has gone, whether it ever began or not.
class stream_server_core::handling final : public weft::detail::list_hook {
public:
    explicit handling(std::shared_ptr<stream_server_core> s) : server(std::move(s)) {
        const std::lock_guard guard(server->lock_);
        server->handlings_.push_back(*this);
    }
    ~handling() {
        const std::lock_guard guard(server->lock_);
        server->handlings_.remove(*this);
        server->look_for_end();
    }
    handling(const handling&) = delete;
    handling& operator=(const handling&) = delete;

    const std::shared_ptr<stream_server_core> server;
    task_handle task; // once it runs; guarded by the server's lock_
};

void stream_server_core::start() {
    // As handling: its end is that of the task's closure.
    struct accepting {
        explicit accepting(std::shared_ptr<stream_server_core> s) noexcept : server(std::move(s)) {}
        accepting(const accepting&) = delete;
        accepting& operator=(const accepting&) = delete;
        const std::shared_ptr<stream_server_core> server;
        ~accepting() {
            server->close();
            const std::lock_guard guard(server->lock_);
            server->accepts_ = false;
            server->look_for_end();
        }
    };
    accepts_ = true;
    auto mine = std::make_unique<accepting>(shared_from_this());
    create_task({.name = "stream server"},
                [mine = std::move(mine)] { mine->server->accept_until_closed(); });
}

void stream_server_core::accept_until_closed() {
    try {
        for (;;) {
            const int fd = accept_client(*listener_);
            if (fd >= 0)
                serve(fd);
            else if (lacks_room(fd))
                pause(fd);
            else
                return;
        }
    } catch (const cancelled_error&) { throw; } catch (...) {
        report("a stream server can't accept any more", std::current_exception());
    }
}

void stream_server_core::pause(int minus_error) {
    if (!std::exchange(told_lack_, true))
        report("a stream server can't accept just now, and tries again later",
               std::make_exception_ptr(
                   std::system_error(-minus_error, std::generic_category(), "weft: accept")));
    closed_.wait_for(k_pause);
}

void stream_server_core::serve(int fd) {
    told_lack_ = false;
    auto below = std::make_shared<client_transport>(shared_from_this(), fd);
    auto reader = std::make_shared<weft::detail::reader_core>(below, limit_);
    auto writer = std::make_shared<weft::detail::writer_core>(below);
    below->enter(writer);
    auto me = std::make_unique<handling>(shared_from_this());
    try {
        create_task({.name = "stream handler"},
                    [me = std::move(me), in = stream_reader(std::move(reader)),
                     out = stream_writer(writer)]() mutable {
                        me->server->run(*me, std::move(in), std::move(out));
                    });
    } catch (const runtime_closed&) { throw; } catch (const std::exception&) {
        pause(-ENOMEM);
    } // its client is turned away
}

void stream_server_core::run(handling& me, stream_reader in, stream_writer out) {
    {
        const std::lock_guard guard(lock_);
        if (ends_handlers_) return;
        me.task = current_task();
    }
    try {
        handler_(std::move(in), std::move(out));
    } catch (const cancelled_error&) { throw; } catch (...) {
        const std::exception_ptr e = std::current_exception();
        const bool expected = is_cancelled_io(e) && [this] {
            const std::lock_guard guard(lock_);
            return ended_clients_;
        }();
        if (!expected) report("the handler of a stream server threw", e);
    }
}

void stream_server_core::close() noexcept {
    listener_->close();
    closed_.set();
    const std::lock_guard guard(lock_);
    look_for_end();
}

void stream_server_core::end_clients(bool at_once) {
    std::vector<std::shared_ptr<weft::detail::writer_core>> writers; // let go of without the lock
    {
        const std::lock_guard guard(lock_);
        ended_clients_ = true;
        for (client_transport* c = clients_.front(); c != nullptr; c = clients_.next(*c))
            if (auto w = c->writer.lock()) writers.push_back(std::move(w));
    }
    for (const auto& w : writers) at_once ? w->abort() : w->close();
}

void stream_server_core::stop() noexcept {
    const mask_cancel mask;
    close();
    std::vector<task_handle> tasks;
    {
        const std::lock_guard guard(lock_);
        ends_handlers_ = true;
        for (handling* h = handlings_.front(); h != nullptr; h = handlings_.next(*h))
            if (h->task.valid()) tasks.push_back(h->task);
    }
    for (const task_handle& t : tasks) t.cancel("the server goes");
    quiet_.wait();
    end_clients(false);
}

void stream_server_core::wait_closed() { over_.wait(); }

bool stream_server_core::is_serving() noexcept { return !closed_.is_set(); }

// Under lock_.
void stream_server_core::look_for_end() noexcept {
    if (!closed_.is_set() || accepts_ || !handlings_.empty()) return;
    quiet_.set();
    if (clients_.empty()) over_.set();
}

void stream_server_core::report(const std::string& what, std::exception_ptr e) noexcept {
    try {
        weft::detail::current_runtime().exceptions()->report(
            {what, std::move(e), this_task::name(), nullptr, 0});
    } catch (...) {} // no memory: nobody can be told
}

} // namespace net::detail

stream_server::stream_server(std::shared_ptr<net::detail::stream_server_core> core) noexcept
    : core_(std::move(core)) {}
stream_server::~stream_server() {
    if (core_) core_->stop();
}

net::detail::stream_server_core& stream_server::core() const {
    if (!core_) throw std::logic_error("weft: an empty stream_server");
    return *core_;
}

std::uint16_t stream_server::port() const noexcept { return core_ ? core_->port : 0; }
bool stream_server::is_serving() const noexcept { return core_ && core_->is_serving(); }
void stream_server::close() const noexcept {
    if (core_) core_->close();
}
void stream_server::close_clients() const { core().end_clients(false); }
void stream_server::abort_clients() const { core().end_clients(true); }
void stream_server::wait_closed() const { core().wait_closed(); }

void stream_server::serve_forever() const {
    try {
        core().wait_closed();
    } catch (const cancelled_error&) {
        close();
        core().wait_closed();
        throw;
    }
}

namespace {

template <class Listener>
stream_server serve_on(Listener listener, std::uint16_t port, stream_handler handler,
                       const stream_server_options& options) {
    auto core = std::make_shared<net::detail::stream_server_core>(
        std::move(handler), std::move(listener), port, options.limit);
    core->start();
    return stream_server(std::move(core));
}

} // namespace

stream_server start_server(stream_handler handler, const std::string& host, std::uint16_t port,
                           const stream_server_options& options) {
    static_cast<void>(detail::current_runtime()); // throws outside a task
    auto listener = net::tcp_listener::bind(host, port,
                                            {.backlog = options.backlog,
                                             .reuse_address = options.reuse_address,
                                             .reuse_port = options.reuse_port});
    const std::uint16_t bound = listener.port();
    return serve_on(std::move(listener), bound, std::move(handler), options);
}

stream_server start_unix_server(stream_handler handler, const std::string& path,
                                const stream_server_options& options) {
    static_cast<void>(detail::current_runtime()); // throws outside a task
    return serve_on(net::unix_listener::bind(path, options.backlog), 0, std::move(handler),
                    options);
}

} // namespace weft
