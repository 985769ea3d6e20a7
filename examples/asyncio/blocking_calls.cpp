// SPDX-License-Identifier: Apache-2.0
// A call that blocks its thread. In asyncio it freezes the loop; here the others go on, with or without weft::blocking.
//
//     $ build/release/examples/asyncio/blocking_calls
//     announced: the other task went on meanwhile
//     not announced: the other task went on meanwhile
#include <chrono>
#include <cstdio>
#include <future>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

/// Blocks the thread until another task, of the same core, has run.
template <class Call>
void block(const char* how, Call call) {
    std::promise<void> other_ran;
    auto other = weft::create_task([&] { other_ran.set_value(); });
    call([&] { other_ran.get_future().wait(); });
    weft::await(other);
    std::printf("%s: the other task went on meanwhile\n", how);
}

} // namespace

int main() {
    weft::run({.workers = 1}, [] {
        block("announced", [](auto wait) { weft::blocking(wait); });
        block("not announced", [](auto wait) { wait(); });
    });
}
