// SPDX-License-Identifier: Apache-2.0
#include <weft/net/streams.hpp>
#include <weft/net/tcp.hpp>
#include <weft/net/unix.hpp>

#include "net/socket_transport.hpp"

namespace weft {
namespace {

std::pair<stream_reader, stream_writer> streams_of(net::stream_socket&& socket, std::size_t limit) {
    auto below = std::make_shared<net::detail::socket_transport>(std::move(socket).release());
    return {stream_reader(std::make_shared<detail::reader_core>(below, limit)),
            stream_writer(std::make_shared<detail::writer_core>(below))};
}

} // namespace

std::pair<stream_reader, stream_writer> open_connection(const std::string& host, std::uint16_t port,
                                                        const stream_options& options) {
    return streams_of(net::tcp_stream::connect(host, port, {.timeout = options.timeout}),
                      options.limit);
}

std::pair<stream_reader, stream_writer> open_unix_connection(const std::string& path,
                                                             const stream_options& options) {
    return streams_of(net::unix_stream::connect(path, {.timeout = options.timeout}), options.limit);
}

} // namespace weft
