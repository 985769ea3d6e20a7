// SPDX-License-Identifier: Apache-2.0
// What the frameworks do below: a socket and a small callback are registered with the loop, which calls when there is something.
//
//     $ build/release/examples/asyncio/readers
//     callback: hello
//     task: again
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>

#include <weft/weft.hpp>

int main() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return 1;
    char buffer[100];
    auto tell = [&](const char* who) {
        const auto n = ::read(ends[0], buffer, sizeof buffer);
        std::printf("%s: %.*s\n", who, static_cast<int>(n), buffer);
    };

    weft::event_loop loop;
    loop.add_reader(ends[0], [&] {
        tell("callback");
        loop.remove_reader(ends[0]);
        loop.stop();
    });
    loop.call_soon([&] { static_cast<void>(!::write(ends[1], "hello", 5)); });
    loop.run_forever();

    loop.run_until_complete([&] { // the same, as a task that waits
        loop.call_soon([&] { static_cast<void>(!::write(ends[1], "again", 5)); });
        weft::wait_readable(ends[0]);
        tell("task");
    });
    ::close(ends[0]);
    ::close(ends[1]);
}
