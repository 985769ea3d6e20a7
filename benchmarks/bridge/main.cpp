// SPDX-License-Identifier: Apache-2.0
// usage: bridge_bench all|rtt|flood|storm|start
#include <cstdio>
#include <string_view>

#include "bench.hpp"

int main(int argc, char** argv) {
    const std::string_view what = argc == 2 ? argv[1] : "";
    const auto wanted = [&](std::string_view name) { return what == name || what == "all"; };
    bool any = false;
    const auto run = [&](std::string_view name, std::initializer_list<void (*)()> cases) {
        if (!wanted(name)) return;
        any = true;
        for (const auto f : cases) f();
    };
    run("rtt", {bench::threads_rtt, bench::processes_rtt});
    run("flood", {bench::threads_flood, bench::processes_flood});
    run("storm", {bench::threads_storm});
    run("start", {bench::processes_start});
    if (!any) std::fputs("usage: bridge_bench all|rtt|flood|storm|start\n", stderr);
    return any ? 0 : 2;
}
