// SPDX-License-Identifier: Apache-2.0
#include "process/image.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "process/modules.hpp"

namespace weft::detail {
namespace {

std::string mark_text(process_role role) {
    const bool program = this_process().role == process_role::program;
    char text[64];
    std::snprintf(
        text, sizeof text, "%s=%c%016llx,%d", k_mark_name,
        role == process_role::fork_server ? 's' : 'w',
        static_cast<unsigned long long>(program ? modules_hash() : this_process().modules),
        program ? getpid() : this_process().program);
    return text;
}

/// Out of the way of the numbers they will get.
unique_fd moved_up(int fd) noexcept { return unique_fd(fcntl(fd, F_DUPFD_CLOEXEC, 16)); }

struct spawn_settings {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    spawn_settings() {
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&attributes);
    }
    spawn_settings(const spawn_settings&) = delete;
    spawn_settings& operator=(const spawn_settings&) = delete;
    ~spawn_settings() {
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
    }
};

} // namespace

pid_t spawn_image(process_role role, int image, int socket, int second) noexcept try {
    const bool server = role == process_role::fork_server;
    const unique_fd from_socket = moved_up(socket), from_image = moved_up(image);
    const unique_fd from_page = server ? unique_fd() : moved_up(second);
    if (!from_socket || !from_image || (!server && !from_page)) return -1;
    spawn_settings s;
    if (server) posix_spawn_file_actions_addopen(&s.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&s.files, from_socket.get(), k_socket_fd);
    if (server)
        posix_spawn_file_actions_addclose(&s.files, k_page_fd);
    else
        posix_spawn_file_actions_adddup2(&s.files, from_page.get(), k_page_fd);
    // The image stays open until it is executed; its own start opens it again.
    posix_spawn_file_actions_adddup2(&s.files, from_image.get(), k_image_fd);
    posix_spawn_file_actions_addclosefrom_np(&s.files, k_image_fd + 1);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&s.attributes, &none);
    posix_spawnattr_setsigdefault(&s.attributes, &all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (server) flags |= POSIX_SPAWN_SETPGROUP;
    posix_spawnattr_setflags(&s.attributes, flags);

    std::string mark = mark_text(role);
    std::vector<char*> environment;
    for (char** e = environ; e != nullptr && *e != nullptr; ++e) environment.push_back(*e);
    environment.push_back(mark.data());
    environment.push_back(nullptr);
    std::string name = program_name(), what = server ? "[fork server]" : "[worker]";
    char* const arguments[] = {name.data(), what.data(), nullptr};
    const std::string path = "/proc/self/fd/" + std::to_string(k_image_fd);
    pid_t pid = -1;
    errno = posix_spawn(&pid, path.c_str(), &s.files, &s.attributes, arguments, environment.data());
    return errno == 0 ? pid : -1;
} catch (...) {
    errno = ENOMEM;
    return -1;
}

} // namespace weft::detail
