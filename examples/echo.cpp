// SPDX-License-Identifier: Apache-2.0
// The echo server and client of asyncio's documentation of streams, in one program.
//
//     $ build/release/examples/echo
//     Client: send: 'Hello World!'
//     Server: received 'Hello World!' from 127.0.0.1
//     Server: send: 'Hello World!'
//     Server: close the connection
//     Client: received: 'Hello World!'
//     Client: close the connection
#include <cstdio>
#include <string>

#include <weft/weft.hpp>

namespace {

void handle_echo(weft::stream_reader in, weft::stream_writer out) {
    const std::string message = in.read(100);
    const std::string peer = out.peer_name();
    std::printf("Server: received '%s' from %s\n", message.c_str(),
                peer.substr(0, peer.find(':')).c_str());
    std::printf("Server: send: '%s'\n", message.c_str());
    std::printf(
        "Server: close the connection\n"); // said first: the client goes on when it has its answer
    out.write(message);
    out.drain();
    out.close();
    out.wait_closed();
}

void tcp_echo_client(const std::string& message, std::uint16_t port) {
    auto [in, out] = weft::open_connection("127.0.0.1", port);
    std::printf("Client: send: '%s'\n", message.c_str());
    out.write(message);
    out.drain();
    const std::string data = in.read(100);
    std::printf("Client: received: '%s'\n", data.c_str());
    std::printf("Client: close the connection\n");
    out.close();
    out.wait_closed();
}

} // namespace

int main() {
    weft::run([] {
        const auto server = weft::start_server(handle_echo, "127.0.0.1", 0); // 0: any free port
        tcp_echo_client("Hello World!", server.port());
        server.close();
        server.wait_closed();
    });
}
