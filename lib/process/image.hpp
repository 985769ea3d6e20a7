// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process/start.hpp"

namespace weft::detail {

/// Starts the program's image in that role, with these descriptors and standard ones alone. `second`: the shared page of a
/// worker; of a fork server -1, it gets the image instead. The pid, or -1 and errno.
pid_t spawn_image(process_role role, int image, int socket, int second) noexcept;

} // namespace weft::detail
