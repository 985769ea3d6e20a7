// SPDX-License-Identifier: Apache-2.0
// The start of every program that uses the component: __libc_start_main comes here first.
#include "process/start.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/process/process_pool.hpp>

#include "process/fork_server.hpp"
#include "process/modules.hpp"
#include "process/worker.hpp"

// What runs before glibc's start must not be instrumented: a sanitizer that is linked statically has not begun yet.
#define WEFT_BEFORE_START __attribute__((no_sanitize("address", "undefined", "thread")))

namespace weft::detail {
namespace {

// Plain statics, without initialisers of their own: written before the program's run.
process_mark mark;
bool mark_is_read;
int image = -1;
const char* name = "";
using main_function = int (*)(int, char**, char**);

// "WEFT_PROCESS=<s or w><16 hex digits>,<pid>", or nothing of ours.
WEFT_BEFORE_START bool parse(const char* text, process_mark& to) {
    for (const char* n = k_mark_name; *n != '\0'; ++n, ++text)
        if (*text != *n) return false;
    if (*text++ != '=') return false;
    if (*text != 's' && *text != 'w') return false;
    to.role = *text++ == 's' ? process_role::fork_server : process_role::worker;
    for (int i = 0; i < 16; ++i, ++text) {
        const int digit = *text >= '0' && *text <= '9'   ? *text - '0'
                          : *text >= 'a' && *text <= 'f' ? *text - 'a' + 10
                                                         : -1;
        if (digit < 0) return false;
        to.modules = to.modules << 4 | static_cast<unsigned>(digit);
    }
    if (*text++ != ',') return false;
    for (; *text >= '0' && *text <= '9'; ++text) to.program = to.program * 10 + (*text - '0');
    return *text == '\0';
}

// A variable that somebody set by hand, or that a child of a worker inherited, is no mark: the socket tells.
WEFT_BEFORE_START bool is_genuine(const process_mark& m) {
    ucred maker{};
    socklen_t size = sizeof maker;
    return syscall(SYS_getsockopt, k_socket_fd, SOL_SOCKET, SO_PEERCRED, &maker, &size) == 0 &&
           maker.pid == m.program;
}

// Reads the mark and takes it out of the environment. Called first by an initialiser of a shared library, or by the start.
WEFT_BEFORE_START void read_mark() {
    if (mark_is_read) return;
    mark_is_read = true;
    if (environ == nullptr) return;
    char** to = environ;
    for (char** from = environ; *from != nullptr; ++from) {
        process_mark found;
        if (parse(*from, found)) {
            if (is_genuine(found)) mark = found;
        } else {
            *to++ = *from;
        }
    }
    *to = nullptr;
}

int worker_process_main(int, char**, char**) {
    close(k_image_fd); // what exec needed
    fcntl(k_socket_fd, F_SETFD, FD_CLOEXEC);
    if (mark.role == process_role::fork_server) return fork_server_main();
    fcntl(k_page_fd, F_SETFD, FD_CLOEXEC);
    close(image);
    die_with(getppid());
    return worker_main(k_socket_fd, k_page_fd);
}

} // namespace

const process_mark& this_process() noexcept {
    read_mark();
    return mark;
}
int image_fd() noexcept { return image; }
const char* program_name() noexcept { return name; }

} // namespace weft::detail

namespace weft {

bool in_worker_process() noexcept {
    return detail::this_process().role != detail::process_role::program;
}

} // namespace weft

/// Takes the place of glibc's: notes what only the start knows, and in a server or worker lets another main run.
extern "C" WEFT_BEFORE_START [[gnu::visibility("default")]] int __libc_start_main(
    weft::detail::main_function main, int argc, char** argv, void (*init)(), void (*fini)(),
    void (*rtld_fini)(), void* stack_end) {
    using namespace weft::detail;
    using start = int (*)(main_function, int, char**, void (*)(), void (*)(), void (*)(), void*);
    const auto next = reinterpret_cast<start>(dlsym(RTLD_NEXT, "__libc_start_main"));
    if (next == nullptr) {
        static constexpr char text[] =
            "weft-process: this program is linked with -static, which it can't be\n";
        syscall(SYS_write, STDERR_FILENO, text, sizeof text - 1);
        syscall(SYS_exit_group, 127);
    }
    read_mark();
    note_initial_modules();
    if (argc > 0) name = argv[0];
    image =
        static_cast<int>(syscall(SYS_openat, AT_FDCWD, "/proc/self/exe", O_PATH | O_CLOEXEC, 0));
    if (mark.role != process_role::program) main = worker_process_main;
    return next(main, argc, argv, init, fini, rtld_fini, stack_end);
}
