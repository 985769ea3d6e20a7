// SPDX-License-Identifier: Apache-2.0
// usage: bridge_bench all|rtt|payload|flood|storm|start|death
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
    run("payload", {bench::processes_payload});
    run("flood", {bench::threads_flood, bench::processes_flood});
    run("storm", {bench::threads_storm});
    run("start", {bench::processes_start});
    run("death", {bench::processes_death});
    if (!any) std::fputs("usage: bridge_bench all|rtt|payload|flood|storm|start|death\n", stderr);
    return any ? 0 : 2;
}
