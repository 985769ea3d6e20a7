// SPDX-License-Identifier: Apache-2.0
// posix_spawn, which does not copy the address space and runs nothing of ours in the child: safe with threads.
#include "os/spawn.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace weft::detail {
namespace {

[[noreturn]] void refuse(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

/// Above the standard descriptors, so that none is overwritten before it was used; the child loses it at exec.
unique_fd above_standard(unique_fd fd, const std::string& what) {
    if (fd.get() > STDERR_FILENO) return fd;
    unique_fd higher(fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!higher) refuse(errno, what);
    return higher;
}

/// What posix_spawn is told.
class plan {
public:
    plan() {
        posix_spawn_file_actions_init(&files_);
        posix_spawnattr_init(&attributes_);
    }
    ~plan() {
        posix_spawn_file_actions_destroy(&files_);
        posix_spawnattr_destroy(&attributes_);
    }
    plan(const plan&) = delete;
    plan& operator=(const plan&) = delete;

    void standard(int number, const stdio& how, unique_fd& ours);
    void inherit_only(std::vector<int> further);
    void directory(const std::string& path) {
        check(posix_spawn_file_actions_addchdir_np(&files_, path.c_str()));
    }
    void signals_and_session(bool new_session);
    int run(pid_t& pid, const std::vector<std::string>& program,
            const std::optional<std::vector<std::string>>& environment);

private:
    static void check(int error) {
        if (error != 0) refuse(error, "weft: can't start a process");
    }
    void become(int number, int from) {
        check(posix_spawn_file_actions_adddup2(&files_, from, number));
    }

    posix_spawn_file_actions_t files_;
    posix_spawnattr_t attributes_;
    std::vector<unique_fd> theirs_; // until the child has its own
};

void plan::standard(int number, const stdio& how, unique_fd& ours) {
    const std::string what =
        "weft: can't make a child's standard descriptor " + std::to_string(number);
    unique_fd theirs;
    switch (how.what()) {
    case stdio::kind::inherit: return;
    case stdio::kind::out:
        if (number != STDERR_FILENO)
            throw std::invalid_argument("weft: stdio::out is for a child's standard error alone");
        return become(number, STDOUT_FILENO);
    case stdio::kind::devnull: theirs = unique_fd(open("/dev/null", O_RDWR | O_CLOEXEC)); break;
    case stdio::kind::descriptor:
        theirs = unique_fd(fcntl(how.number(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
        break;
    case stdio::kind::pipe: {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) refuse(errno, what);
        const bool child_reads = number == STDIN_FILENO;
        theirs = unique_fd(ends[child_reads ? 0 : 1]);
        ours = unique_fd(ends[child_reads ? 1 : 0]);
        ours = above_standard(std::move(ours), what);
        if (fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) refuse(errno, what); // ours alone
    }
    }
    if (!theirs) refuse(errno, what);
    theirs = above_standard(std::move(theirs), what);
    become(number, theirs.get());
    theirs_.push_back(std::move(theirs));
}

// Whatever else is open here, also what others open meanwhile without O_CLOEXEC.
void plan::inherit_only(std::vector<int> further) {
    std::sort(further.begin(), further.end());
    int next = STDERR_FILENO + 1;
    for (const int fd : further) {
        if (fcntl(fd, F_GETFD) < 0)
            refuse(errno, "weft: can't pass descriptor " + std::to_string(fd) + " to a child");
        for (; next < fd; ++next) check(posix_spawn_file_actions_addclose(&files_, next));
        become(fd, fd); // it stays open at exec
        next = std::max(next, fd + 1);
    }
    check(posix_spawn_file_actions_addclosefrom_np(&files_, next));
}

void plan::signals_and_session(bool new_session) {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    check(posix_spawnattr_setsigdefault(&attributes_, &all));
    check(posix_spawnattr_setsigmask(&attributes_, &none));
    const int flags =
        POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (new_session ? POSIX_SPAWN_SETSID : 0);
    check(posix_spawnattr_setflags(&attributes_, static_cast<short>(flags)));
}

std::vector<char*> c_strings(const std::vector<std::string>& all) {
    std::vector<char*> pointers;
    for (const std::string& s : all) {
        if (s.find('\0') != std::string::npos)
            throw std::invalid_argument("weft: a zero byte in an argument or variable of a child");
        pointers.push_back(const_cast<char*>(s.c_str()));
    }
    pointers.push_back(nullptr);
    return pointers;
}

int plan::run(pid_t& pid, const std::vector<std::string>& program,
              const std::optional<std::vector<std::string>>& environment) {
    const auto arguments = c_strings(program);
    const auto variables = environment ? c_strings(*environment) : std::vector<char*>();
    return posix_spawnp(&pid, arguments[0], &files_, &attributes_, arguments.data(),
                        environment ? variables.data() : environ);
}

} // namespace

spawned spawn(const std::vector<std::string>& program, const subprocess_options& options) {
    if (program.empty() || program[0].empty())
        throw std::invalid_argument("weft: create_subprocess_exec without a program");
    spawned child;
    plan p;
    p.standard(STDIN_FILENO, options.in, child.in);
    p.standard(STDOUT_FILENO, options.out, child.out);
    p.standard(STDERR_FILENO, options.err, child.err);
    p.inherit_only(options.pass_fds);
    if (!options.cwd.empty()) p.directory(options.cwd);
    p.signals_and_session(options.new_session);
    const std::string where = options.cwd.empty() ? "" : " in \"" + options.cwd + "\"";
    const std::string what = "weft: can't start \"" + program[0] + "\"" + where;
    if (const int error = p.run(child.pid, program, options.env)) refuse(error, what);
    child.pidfd = unique_fd(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
    if (!child.pidfd) { // nobody could wait for it
        const int error = errno;
        kill(child.pid, SIGKILL); // ours, and not waited for yet
        while (waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {}
        refuse(error, what + ": no descriptor for it");
    }
    return child;
}

} // namespace weft::detail
