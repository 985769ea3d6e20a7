// SPDX-License-Identifier: Apache-2.0
#include "base/thread_sleeps.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace weft::detail {

// proc(5): "pid (name) state ..."; the name may hold anything but ends with the last parenthesis.
bool thread_sleeps(int thread_id) noexcept {
    char path[64], text[128];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_id);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return true;
    const ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0) return true;
    text[size] = 0;
    const char* end = std::strrchr(text, ')');
    return end != nullptr && end[1] == ' ' && (end[2] == 'S' || end[2] == 'D');
}

thread_usage usage_of_this_thread() noexcept {
    const auto ns = [](const timeval& t) { return t.tv_sec * 1'000'000'000 + t.tv_usec * 1000; };
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return {static_cast<std::uint64_t>(usage.ru_nvcsw), ns(usage.ru_utime) + ns(usage.ru_stime)};
}

} // namespace weft::detail
