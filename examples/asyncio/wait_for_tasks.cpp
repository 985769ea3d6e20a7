// SPDX-License-Identifier: Apache-2.0
// A list of named tasks, waited for together; also from outside of any task.
//
//     $ build/release/examples/asyncio/wait_for_tasks
//     n1: value
//     n2: value
//     pending: 0
//     from outside: 2 done
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

std::string others() {
    weft::sleep_for(20ms);
    return "value";
}

std::vector<weft::task<std::string>> task_list() {
    return {weft::create_task({.name = "n1"}, others), weft::create_task({.name = "n2"}, others)};
}

} // namespace

int main() {
    weft::run([] {
        auto [done, pending] = weft::wait(task_list());
        for (auto& t : done) std::printf("%s: %s\n", t.name().c_str(), t.result().c_str());
        std::printf("pending: %zu\n", pending.size());
    });
    auto [done, pending] = weft::run([] { return weft::wait(task_list()); });
    std::printf("from outside: %zu done\n", done.size());
}
