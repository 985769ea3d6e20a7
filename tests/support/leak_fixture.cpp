// SPDX-License-Identifier: Apache-2.0
#include "support/leak_fixture.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <weft/base/config.hpp>

namespace weft::testing {
namespace {

std::size_t entries(const char* folder) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
}

std::size_t bytes_without_huge_pages() {
    if constexpr (detail::k_asan || detail::k_tsan) return 0;
    // The C library keeps the stacks of ended threads and their guard pages, marked the same way.
    auto is_thread_stack = [](std::size_t kib) { return kib % 8192 == 0 || kib == 4; };
    std::ifstream file("/proc/self/smaps");
    std::size_t total = 0, size = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string word;
        words >> word;
        if (word == "Size:") words >> size;
        if (word != "VmFlags:") continue;
        while (words >> word)
            if (word == "nh" && !is_thread_stack(size)) total += size * 1024;
    }
    return total;
}

} // namespace

holdings holdings::now() {
    // Listing a folder opens one descriptor, in each call.
    return {entries("/proc/self/fd"), entries("/proc/self/task"), bytes_without_huge_pages()};
}

leak_fixture::leak_fixture(bool stacks) : stacks_(stacks) {
    // The thread sanitizer starts a thread of its own with the first one.
    static const bool warm = (std::thread([] {}).join(), true);
    static_cast<void>(warm);
    before_ = holdings::now();
}

leak_fixture::~leak_fixture() {
    // A joined thread stays in /proc for some instructions of the kernel.
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    holdings after = holdings::now();
    while (after.threads > before_.threads && std::chrono::steady_clock::now() < limit) {
        std::this_thread::yield();
        after = holdings::now();
    }
    CHECK(after.descriptors == before_.descriptors);
    CHECK(after.threads == before_.threads);
    if (stacks_) CHECK(after.stack_bytes == before_.stack_bytes);
}

} // namespace weft::testing
