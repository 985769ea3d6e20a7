// SPDX-License-Identifier: Apache-2.0
// A program whose file is removed while it runs still starts its workers: a copy of this one removes itself first.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include <weft/process.hpp>

namespace {

int use_pool() {
    weft::process_pool_executor procs({.max_workers = 2});
    if (procs.submit([](int x) { return x + 1; }, 41).get() != 42) return 2;
    try {
        procs.submit([] { _exit(3); }).get();
        return 3;
    } catch (const weft::worker_died& e) {
        if (e.exit_status() != 3) return 4;
    }
    return procs.submit([] { return 1; }).get() == 1 ? 0 : 5;
}

} // namespace

int main(int argc, char** argv) {
    if (weft::in_worker_process()) return 10; // main never runs there
    if (argc == 2) return unlink(argv[0]) == 0 ? use_pool() : 1;
    const std::string copy =
        std::filesystem::temp_directory_path() / ("weft-deleted-" + std::to_string(getpid()));
    std::filesystem::copy_file("/proc/self/exe", copy);
    const pid_t child = fork();
    if (child == 0) {
        execl(copy.c_str(), copy.c_str(), "deleted", nullptr);
        _exit(127);
    }
    int status = -1;
    waitpid(child, &status, 0);
    std::filesystem::remove(copy);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    std::printf("the copy ended with %d\n", status);
    return 1;
}
