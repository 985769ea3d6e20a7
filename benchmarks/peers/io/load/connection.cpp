// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace load {
namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

std::size_t content_length(std::string_view head) {
    constexpr std::string_view k_name = "\r\ncontent-length:";
    const auto same = [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
    };
    const auto* at = std::search(head.begin(), head.end(), k_name.begin(), k_name.end(), same);
    if (at == head.end()) throw std::runtime_error("an answer without Content-Length");
    at = std::find_if(at + k_name.size(), head.end(), [](char c) { return c != ' '; });
    std::size_t length = 0;
    if (std::from_chars(at, head.end(), length).ec != std::errc())
        throw std::runtime_error("an answer whose Content-Length is no number");
    return length;
}

} // namespace

connection::connection(const exchange& what) : what_(&what), kept_(k_kept) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) fail("can't make a socket");
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&what.server), sizeof what.server) != 0) {
        const int error = errno;
        ::close(fd_);
        errno = error;
        fail("can't connect to the server");
    }
    const int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd_, F_SETFL, O_NONBLOCK);
}

connection::connection(connection&& other) noexcept
    : what_(other.what_),
      fd_(std::exchange(other.fd_, -1)),
      busy_(other.busy_),
      head_read_(other.head_read_),
      due_(other.due_),
      received_(other.received_),
      head_size_(other.head_size_),
      expected_(other.expected_),
      kept_(std::move(other.kept_)) {}

connection::~connection() {
    if (fd_ >= 0) ::close(fd_);
}

void connection::send(const std::string& request, steady::time_point due) {
    busy_ = true;
    due_ = due;
    received_ = head_size_ = 0;
    head_read_ = !what_->http;
    expected_ = what_->http ? 0 : request.size();
    // A request is small and the last answer has been read: it always fits the socket's buffer.
    const ssize_t n = ::send(fd_, request.data(), request.size(), MSG_NOSIGNAL);
    if (n < 0) fail("can't send a request");
    if (static_cast<std::size_t>(n) != request.size())
        throw std::runtime_error("a request was sent in part only");
}

bool connection::receive(faults& wrong) {
    static std::array<char, 65536> discarded;
    const bool keep = received_ < kept_.size();
    char* into = keep ? kept_.data() + received_ : discarded.data();
    const ssize_t n = ::read(fd_, into, keep ? kept_.size() - received_ : discarded.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (n < 0) fail("the server dropped a connection");
    if (n == 0) throw std::runtime_error("the server closed a connection with a request in flight");
    received_ += static_cast<std::size_t>(n);
    if (!head_read_) read_head(wrong);
    if (!head_read_ || received_ < expected_) return false;
    check_body(wrong);
    busy_ = false;
    return true;
}

void connection::wait_for_answer(faults& wrong) {
    while (!receive(wrong)) {
        pollfd readable{fd_, POLLIN, 0};
        poll(&readable, 1, -1);
    }
}

void connection::read_head(faults& wrong) {
    const std::string_view text(kept_.data(), std::min(received_, kept_.size()));
    const auto end = text.find("\r\n\r\n");
    if (end == text.npos) {
        if (text.size() == kept_.size())
            throw std::runtime_error("an answer with more than 16 KiB of header");
        return;
    }
    head_read_ = true;
    head_size_ = end + 4;
    expected_ = head_size_ + content_length(text.substr(0, end));
    if (text.substr(text.find(' ') + 1, 3) != "200") ++wrong.not_200;
}

void connection::check_body(faults& wrong) const {
    if (!what_->http) return;
    if (received_ > expected_)
        ++wrong.wrong_body; // nobody asked for more
    else if (what_->expected_body.empty())
        return;
    else if (expected_ > kept_.size() ||
             std::string_view(kept_.data() + head_size_, expected_ - head_size_) !=
                 what_->expected_body)
        ++wrong.wrong_body;
}

} // namespace load
