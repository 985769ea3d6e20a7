// SPDX-License-Identifier: Apache-2.0
// An async context manager is an object: its constructor and its destructor may wait.
//
//     $ build/release/examples/asyncio/async_context_manager
//     connected
//     666
//     closed
#include <chrono>
#include <cstdio>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

class connection {
public:
    connection() {
        weft::sleep_for(10ms); // connects
        std::puts("connected");
    }
    ~connection() {
        const weft::mask_cancel clean_up; // a cancel waits until the connection is closed
        weft::sleep_for(10ms);
        std::puts("closed");
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    int do_something() {
        weft::sleep_for(10ms);
        return 666;
    }
};

} // namespace

int main() {
    weft::run([] {
        connection f;
        std::printf("%d\n", f.do_something());
    });
}
