// SPDX-License-Identifier: Apache-2.0
// What this process is, and its image. See README.md, "Where a worker comes from".
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace weft::detail {

enum class process_role { program, fork_server, worker };

/// What the mark in the environment says. Descriptors k_socket_fd and k_page_fd come with it.
struct process_mark {
    process_role role = process_role::program;
    std::uint64_t modules = 0; ///< modules_hash() of the program
    pid_t program = 0;
};
inline constexpr int k_socket_fd = 3; ///< the server's control socket, the worker's calls
inline constexpr int k_page_fd = 4;   ///< a worker's shared page
inline constexpr int k_image_fd = 5;  ///< the server's image, to start workers by exec

inline constexpr char k_mark_name[] = "WEFT_PROCESS";

const process_mark& this_process() noexcept;

/// The image of this program, opened at its start; -1: our __libc_start_main did not run, or the open failed.
int image_fd() noexcept;
/// What the program was started as.
const char* program_name() noexcept;

} // namespace weft::detail
