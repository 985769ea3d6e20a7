// SPDX-License-Identifier: Apache-2.0
// Connections as readers and writers, and servers of them: asyncio's streams.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weft/base/unique_function.hpp>
#include <weft/io/stream_reader.hpp>
#include <weft/io/stream_writer.hpp>

namespace weft {

struct stream_options {
    std::size_t limit = 65536; ///< of a line, in bytes without its end
    std::optional<std::chrono::nanoseconds> timeout =
        std::nullopt; ///< of connecting, to all addresses together
};

/// Connects to the first address of the host that answers. Suspends a task, blocks a plain thread; a cancel point.
/// Throws std::system_error that names what was tried, timeout_error.
///
///     auto [in, out] = weft::open_connection("localhost", 8080);
///     out.write("hello\n");
///     std::string answer = in.readline();
std::pair<stream_reader, stream_writer> open_connection(const std::string& host, std::uint16_t port,
                                                        const stream_options& options = {});

/// The same to a Unix socket, by its path.
std::pair<stream_reader, stream_writer> open_unix_connection(const std::string& path,
                                                             const stream_options& options = {});

struct stream_server_options {
    std::size_t limit = 65536; ///< as stream_options
    int backlog = 1024;        ///< connections that the kernel keeps until they are accepted
    bool reuse_address = true; ///< a restart need not wait for old connections
    bool reuse_port = false;   ///< several servers share the port
};

/// Called in a task of its own for each client, so from several tasks at once. The connection is closed when the last handle
/// of its writer goes. What it throws is told to the runtime's exception handler.
using stream_handler = unique_function<void(stream_reader, stream_writer)>;

namespace net::detail {
class stream_server_core;
}

/// A server that runs, made by start_server. Movable. Its end closes it, cancels the handlers that run still, and waits until
/// they have ended (what they had written is sent all the same); so it must not be in one of its own handlers.
///
/// Thread safety: any member from any task or thread.
class [[nodiscard]] stream_server {
public:
    stream_server() noexcept = default;
    stream_server(stream_server&&) noexcept = default;
    stream_server& operator=(stream_server&& other) noexcept {
        std::swap(core_, other.core_);
        return *this;
    }
    ~stream_server();

    /// 0: it has none.
    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] bool is_serving() const noexcept;

    /// Accepts no more; connections go on. Idempotent, does not suspend, never throws.
    void close() const noexcept;
    /// Closes the clients' connections when what is written was sent.
    void close_clients() const;
    /// Closes the clients' connections at once.
    void abort_clients() const;
    /// Suspends until it is closed, the last connection has ended, and every handler has returned. A cancel point.
    /// Not in one of its own handlers: it would wait for itself.
    void wait_closed() const;
    /// Suspends until cancelled, then closes and waits for the connections to end; throws that cancelled_error.
    void serve_forever() const;

    /// For the library's own parts.
    explicit stream_server(std::shared_ptr<net::detail::stream_server_core> core) noexcept;

private:
    [[nodiscard]] net::detail::stream_server_core& core() const;
    std::shared_ptr<net::detail::stream_server_core> core_;
};

/// Listens on a numeric address, "localhost" (127.0.0.1) or "" (every IPv4 address), port 0 being any free one, and serves each
/// client by a task of the running task's runtime. Does not suspend. Out of descriptors it stops accepting for 0.1 s, which it
/// tells the exception handler, and tries again. Throws std::system_error that names host and port, std::logic_error
/// outside a task.
///
///     auto server = weft::start_server([](weft::stream_reader in, weft::stream_writer out) {
///         for (std::string& line : in) { out.write(line); out.drain(); }
///     }, "127.0.0.1", 8080);
///     server.serve_forever();
stream_server start_server(stream_handler handler, const std::string& host, std::uint16_t port,
                           const stream_server_options& options = {});
/// The same on a Unix socket; `backlog` and `limit` count of the options. A socket left there is replaced.
stream_server start_unix_server(stream_handler handler, const std::string& path,
                                const stream_server_options& options = {});

} // namespace weft
