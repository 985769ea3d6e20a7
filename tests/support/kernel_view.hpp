// SPDX-License-Identifier: Apache-2.0
// What the kernel says of this process's threads, and waits for what it will say.
#pragma once

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace weft::testing {

/// Has it come to hold within a minute?
inline bool eventually(const std::function<bool()>& holds) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > limit) return false;
        usleep(1000);
    }
    return true;
}

/// How often the thread has gone to sleep; -1: it is gone.
inline long sleeps_of(const std::string& thread) {
    std::ifstream file(thread + "/status");
    for (std::string word; file >> word;)
        if (long n = 0; word == "voluntary_ctxt_switches:" && file >> n) return n;
    return -1;
}

/// The folder in /proc of this process's thread of that name.
inline std::string thread_named(const std::string& name) {
    for (const auto& t : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string its;
        std::ifstream(t.path() / "comm") >> its;
        if (its == name) return t.path();
    }
    return {};
}

/// Does the thread sleep at this moment?
inline bool is_asleep(const std::string& thread) {
    std::ifstream file(thread + "/status");
    for (std::string word; file >> word;)
        if (std::string state; word == "State:" && file >> state) return state == "S";
    return false;
}

/// The folder in /proc of the calling thread.
inline std::string this_thread_folder() { return "/proc/self/task/" + std::to_string(gettid()); }

} // namespace weft::testing
