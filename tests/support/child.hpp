// SPDX-License-Identifier: Apache-2.0
// Runs a body in a child process: for what ends a process, or changes it for good.
#pragma once

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

namespace weft::testing {

struct child_end {
    int status = -1;
    std::string said; // on its standard error

    [[nodiscard]] bool exited_with(int code) const {
        return WIFEXITED(status) && WEXITSTATUS(status) == code;
    }
    [[nodiscard]] bool killed_by(int signal) const {
        return WIFSIGNALED(status) && WTERMSIG(status) == signal;
    }
};

/// The body returns the exit code. It must not use the assertions of Catch2, and no thread but the caller's exists.
template <class Body>
child_end in_child(Body body) {
    child_end end;
    int ends[2];
    if (pipe(ends) != 0) return end;
    const pid_t child = fork();
    if (child < 0) end.said = std::string("could not fork: ") + std::strerror(errno);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        std::signal(SIGABRT, SIG_DFL); // Catch2's handler would report in our name
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        _exit(body());
    }
    close(ends[1]);
    char buffer[512];
    for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
        end.said.append(buffer, static_cast<std::size_t>(n));
    close(ends[0]);
    if (child > 0) waitpid(child, &end.status, 0);
    return end;
}

/// Runs this test case once more in a new process of this program, with that variable set: for what must find a process as
/// it begins. Its standard output goes nowhere.
inline child_end this_test_again(const char* variable) {
    return in_child([variable] {
        setenv(variable, "1", 1);
        const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, STDOUT_FILENO);
        execl("/proc/self/exe", "weft_tests",
              Catch::getResultCapture().getCurrentTestName().c_str(), nullptr);
        return 1;
    });
}

} // namespace weft::testing
