// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <weft/os/subprocess.hpp>

#include "base/unique_fd.hpp"

namespace weft::detail {

/// A new child and our ends of its pipes (non-blocking).
struct spawned {
    pid_t pid = -1;
    unique_fd pidfd, in, out, err;
};

/// Throws std::system_error, and leaves nothing then.
spawned spawn(const std::vector<std::string>& program, const subprocess_options& options);

} // namespace weft::detail
