// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace load {

using steady = std::chrono::steady_clock;

/// What is asked, and what has to come back.
struct exchange {
    sockaddr_in server{};
    std::vector<std::string> requests; ///< sent in turn
    bool http = false;                 ///< otherwise an echo: as many bytes come back as were sent
    std::string expected_body; ///< HTTP: every answer must have this body; empty: any will do
};

/// What was wrong with answers that did arrive.
struct faults {
    std::uint64_t not_200 = 0;
    std::uint64_t wrong_body = 0;
};

/// One connection, kept alive, with at most one request in flight. Errors of the connection are exceptions: a server
/// under test must not lose any.
class connection {
public:
    explicit connection(const exchange& what);
    connection(connection&& other) noexcept;
    connection& operator=(connection&&) = delete;
    ~connection();

    /// `due` is when the request should have been sent; latency counts from there.
    void send(const std::string& request, steady::time_point due);

    /// Reads what is there; whether the answer is complete now.
    bool receive(faults& wrong);

    /// For connections that ask once and then only stay open.
    void wait_for_answer(faults& wrong);

    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool busy() const { return busy_; }
    [[nodiscard]] steady::time_point due() const { return due_; }

private:
    void read_head(faults& wrong);
    void check_body(faults& wrong) const;

    static constexpr std::size_t k_kept = 16384;

    const exchange* what_;
    int fd_ = -1;
    bool busy_ = false;
    bool head_read_ = false;
    steady::time_point due_{};
    std::size_t received_ = 0; // bytes of this answer
    std::size_t head_size_ = 0;
    std::size_t expected_ = 0; // its size, 0 while unknown
    std::vector<char> kept_;   // its first bytes
};

} // namespace load
