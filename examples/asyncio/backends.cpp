// SPDX-License-Identifier: Apache-2.0
// uvloop's idea: another event loop under the same program. WEFT_BACKEND=io_uring does it from outside.
//
//     $ build/release/examples/asyncio/backends
//     automatic: hello over a socket
//     epoll: hello over a socket
#include <cstdio>
#include <string>

#include <weft/weft.hpp>

namespace {

std::string program() {
    auto listener = weft::net::tcp_listener::bind("127.0.0.1", 0);
    auto server = weft::create_task([&] { listener.accept().write_all("hello over a socket"); });
    auto client = weft::net::tcp_stream::connect("127.0.0.1", listener.port());
    std::string text(100, 0);
    std::size_t size = 0;
    while (const std::size_t n = client.read_some({text.data() + size, text.size() - size}))
        size += n;
    weft::await(server);
    text.resize(size);
    return text;
}

} // namespace

int main() {
    std::printf("automatic: %s\n", weft::run(program).c_str());
    std::printf("epoll: %s\n", weft::run({.backend = weft::io_backend::epoll}, program).c_str());
}
