// SPDX-License-Identifier: Apache-2.0
// A library that blocks, called from tasks in three ways: in place, on a pool of threads, in worker processes.
//
//     $ build/release/examples/download_three_ways
//     in place: 4 pages, 40 bytes
//     threads: 4 pages, 40 bytes
//     processes: 4 pages, 40 bytes
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <weft/process.hpp>
#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

// Stands for a client library of old: it keeps its thread until the page is there.
std::string legacy_download(const std::string& url) {
    std::this_thread::sleep_for(50ms);
    return "<p>" + url + "</p>";
}

template <class Start>
void download_all(const char* how, Start start) {
    const std::vector<std::string> urls{"a/1", "a/2", "b/1", "b/2"};
    std::vector<weft::future<std::string>> pages;
    for (const auto& url : urls) pages.push_back(start(url)); // all at once
    std::size_t bytes = 0;
    for (auto& page : pages) bytes += weft::await(std::move(page)).size();
    std::printf("%s: %zu pages, %zu bytes\n", how, urls.size(), bytes);
}

} // namespace

int main() {
    weft::run([] {
        // The task blocks its thread, and says so: its core goes on with another one.
        download_all("in place", [](const std::string& url) -> weft::future<std::string> {
            return weft::create_task(
                [url] { return weft::blocking([&] { return legacy_download(url); }); });
        });
        // A bounded number of threads, and calls that can be cancelled before they begin.
        weft::thread_pool_executor threads({.max_workers = 4});
        download_all("threads", [&](const std::string& url) {
            return weft::run_in_executor(threads, legacy_download, url);
        });
        // The same in other processes: it may crash or leak there.
        weft::process_pool_executor procs({.max_workers = 2});
        download_all("processes", [&](const std::string& url) {
            return weft::run_in_executor(procs, legacy_download, url);
        });
    });
}
