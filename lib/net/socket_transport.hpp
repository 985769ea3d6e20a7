// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include <weft/io/stream_reader.hpp>
#include <weft/io/stream_writer.hpp>

#include "io/reader_core.hpp"
#include "io/transport.hpp"
#include "io/writer_core.hpp"
#include "net/socket.hpp"

namespace weft::net::detail {

/// A socket that knows whom it connects.
class socket_transport : public weft::detail::fd_transport {
public:
    explicit socket_transport(weft::detail::io_handle handle) noexcept
        : fd_transport(std::move(handle), kind::socket) {}
    [[nodiscard]] std::string local_name() const override { return name(local_of); }
    [[nodiscard]] std::string peer_name() const override { return name(peer_of); }

private:
    [[nodiscard]] std::string name(address (*of)(int) noexcept) const {
        const int fd = native_handle();
        return fd < 0 ? std::string() : name_of(of(fd));
    }
};

} // namespace weft::net::detail
