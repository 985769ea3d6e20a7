// SPDX-License-Identifier: Apache-2.0
// A parser with a bug, isolated: what it does to itself is an exception here.
//
//     $ build/release/examples/crashing_parser
//     12 -> 12
//     x -> std::invalid_argument: stoi
//     ! -> killed by signal 9
//     7 -> 7
#include <csignal>
#include <cstdio>
#include <string>

#include <weft/process.hpp>
#include <weft/weft.hpp>

namespace {

int parse(const std::string& text) {
    if (text == "!") std::raise(SIGKILL); // the bug
    return std::stoi(text);
}

} // namespace

int main() {
    weft::run([] {
        weft::process_pool_executor procs({.max_workers = 1});
        for (const char* text : {"12", "x", "!", "7"}) {
            try {
                std::printf("%s -> %d\n", text, weft::await(procs.submit(parse, text)));
            } catch (const weft::remote_error& e) {
                std::printf("%s -> %s: %s\n", text, e.type_name().c_str(), e.what());
            } catch (const weft::worker_died& e) {
                std::printf("%s -> killed by signal %d\n", text, e.signal());
            }
        }
    });
}
