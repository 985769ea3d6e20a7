// SPDX-License-Identifier: Apache-2.0
// Unix sockets: connections within the machine. Calls suspend a task and block a plain thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weft/net/stream_socket.hpp>

namespace weft::net {

struct unix_connect_options {
    std::optional<std::chrono::nanoseconds> timeout = std::nullopt;
};

/// One end of a Unix connection; else as stream_socket.
///
///     auto s = weft::net::unix_stream::connect("/run/app.sock");
class unix_stream : public stream_socket {
public:
    unix_stream() noexcept = default;

    /// A path, or an abstract name that begins with a zero byte. Throws std::system_error that names it.
    static unix_stream connect(const std::string& path, const unix_connect_options& options = {});
    /// Two ends that are connected with one another.
    static std::pair<unix_stream, unix_stream> pair();
    /// Takes over a connected socket and makes it non-blocking.
    static unix_stream adopt(int fd);
    using stream_socket::stream_socket;
};

/// Accepts Unix connections; else as socket_listener. When it goes, its path does, if it is still its own.
class unix_listener : public socket_listener {
public:
    unix_listener() noexcept = default;
    unix_listener(unix_listener&&) noexcept = default;
    unix_listener& operator=(unix_listener&& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(path_, other.path_);
        return *this;
    }
    ~unix_listener();

    /// A socket that somebody left at that path is replaced; anything else there is an error. Throws std::system_error.
    static unix_listener bind(const std::string& path, int backlog = 1024);

    unix_stream accept() { return unix_stream(accept_handle()); }
    unix_stream accept(std::chrono::nanoseconds limit) { return unix_stream(accept_handle(limit)); }

private:
    struct file;
    struct remove_file {
        void operator()(file* f) const noexcept;
    };
    std::unique_ptr<file, remove_file> path_;
};

} // namespace weft::net
