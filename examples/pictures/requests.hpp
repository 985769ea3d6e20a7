// SPDX-License-Identifier: Apache-2.0
// Stands for an HTTP library of old: it keeps its thread until the answer is there, and knows nothing of weft.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>

namespace requests {

struct url {
    std::string host; ///< an IPv4 address
    std::uint16_t port = 80;
    std::string path;

    /// Of http://host:port/path.
    static url parse(const std::string& text) {
        const std::string scheme = "http://";
        const auto colon = text.find(':', scheme.size()), slash = text.find('/', scheme.size());
        if (text.rfind(scheme, 0) != 0 || slash == std::string::npos || colon > slash)
            throw std::invalid_argument("not of the form http://host:port/path: " + text);
        return {text.substr(scheme.size(), colon - scheme.size()),
                static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1))), text.substr(slash)};
    }
};

inline std::string request_text(const url& u) {
    return "GET " + u.path + " HTTP/1.1\r\nHost: " + u.host + "\r\nConnection: close\r\n\r\n";
}

/// The body of a whole answer. Throws std::runtime_error unless its status is 200.
inline std::string body_of(const std::string& answer) {
    const auto end = answer.find("\r\n\r\n");
    if (answer.rfind("HTTP/1.1 200 ", 0) != 0 || end == std::string::npos)
        throw std::runtime_error("the server answers " + answer.substr(0, answer.find('\r')));
    return answer.substr(end + 4);
}

/// Blocks.
inline std::string get(const std::string& text) {
    const url u = url::parse(text);
    auto check = [](auto result, const char* what) {
        if (result < 0) throw std::system_error(errno, std::generic_category(), what);
        return result;
    };
    struct closing {
        int fd;
        ~closing() { ::close(fd); }
    } s{check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(u.port);
    if (::inet_pton(AF_INET, u.host.c_str(), &to.sin_addr) != 1)
        throw std::invalid_argument("not an IPv4 address: " + u.host);
    check(::connect(s.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), "connect");
    const std::string request = request_text(u);
    check(::send(s.fd, request.data(), request.size(), MSG_NOSIGNAL), "send");
    std::string answer;
    char buffer[16 * 1024];
    for (;;) {
        const auto n = check(::recv(s.fd, buffer, sizeof buffer, 0), "recv");
        if (n == 0) return body_of(answer);
        answer.append(buffer, static_cast<std::size_t>(n));
    }
}

} // namespace requests
