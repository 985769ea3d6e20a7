// SPDX-License-Identifier: Apache-2.0
#include <weft/net/unix.hpp>

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <weft/task/task.hpp>

#include "net/socket.hpp"

namespace weft::net {
namespace {

struct unix_address {
    sockaddr_un name{};
    socklen_t size = 0;

    unix_address(const std::string& path, const std::string& what) {
        if (path.empty() || path.size() >= sizeof name.sun_path)
            detail::throw_io_error(-ENAMETOOLONG, what + " (a path has 1 to " +
                                                      std::to_string(sizeof name.sun_path - 1) +
                                                      " bytes)");
        name.sun_family = AF_UNIX;
        std::memcpy(name.sun_path, path.data(), path.size());
        // An abstract name ends where its size says, a path with its zero.
        size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                      (path[0] == '\0' ? 0 : 1));
    }
    [[nodiscard]] const sockaddr* native() const noexcept {
        return reinterpret_cast<const sockaddr*>(&name);
    }
};

bool is_socket(const std::string& path, struct stat& s) noexcept {
    return lstat(path.c_str(), &s) == 0 && S_ISSOCK(s.st_mode);
}

} // namespace

unix_stream unix_stream::connect(const std::string& path, const unix_connect_options& options) {
    const std::string what = "weft: can't connect to \"" + path + "\"";
    const unix_address to(path, what);
    const auto limit =
        options.timeout ? weft::detail::deadline_after(*options.timeout) : weft::detail::k_never;
    weft::detail::io_handle h = detail::open_socket(AF_UNIX, SOCK_STREAM, what);
    // EAGAIN: the listener's queue is full, and the kernel tells nobody when it is not.
    for (std::chrono::nanoseconds pause = std::chrono::microseconds(100);; pause *= 2) {
        const int n = detail::start_connect(h.fd(), to.native(), to.size);
        if (n == 0) return unix_stream(std::move(h));
        if (n != -EAGAIN && n != -EINTR) detail::throw_io_error(n, what);
        const std::chrono::nanoseconds left(limit - weft::detail::deadline_after({}));
        if (left.count() <= 0) detail::throw_io_error(-ETIME, what);
        pause = std::min<std::chrono::nanoseconds>({pause, left, std::chrono::milliseconds(20)});
        sleep_for(pause);
    }
}

std::pair<unix_stream, unix_stream> unix_stream::pair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        detail::throw_io_error(-errno, "weft: a pair of Unix sockets");
    weft::detail::io_handle first, second;
    try {
        first = weft::detail::io_handle(ends[0]);
    } catch (...) {
        ::close(ends[1]);
        throw;
    }
    second = weft::detail::io_handle(ends[1]);
    return {unix_stream(std::move(first)), unix_stream(std::move(second))};
}

unix_stream unix_stream::adopt(int fd) { return unix_stream(detail::adopt_socket(fd)); }

/// The name in the file system, of this very socket.
struct unix_listener::file {
    std::string path;
    dev_t device;
    ino_t number;
};

void unix_listener::remove_file::operator()(file* f) const noexcept {
    struct stat now {};
    if (is_socket(f->path, now) && now.st_dev == f->device && now.st_ino == f->number)
        unlink(f->path.c_str());
    delete f;
}

unix_listener::~unix_listener() = default;

unix_listener unix_listener::bind(const std::string& path, int backlog) {
    const std::string what = "weft: can't listen on \"" + path + "\"";
    const unix_address at(path, what);
    struct stat s {};
    if (is_socket(path, s)) unlink(path.c_str());
    unix_listener l;
    l.handle_ = detail::open_socket(AF_UNIX, SOCK_STREAM, what);
    if (::bind(l.handle_.fd(), at.native(), at.size) != 0) detail::throw_io_error(-errno, what);
    if (path[0] != '\0' && is_socket(path, s)) l.path_.reset(new file{path, s.st_dev, s.st_ino});
    if (::listen(l.handle_.fd(), backlog) != 0) detail::throw_io_error(-errno, what);
    return l;
}

} // namespace weft::net
