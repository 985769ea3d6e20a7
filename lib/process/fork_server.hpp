// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft::detail {

/// The fork server's life, with its control socket at k_socket_fd. Returns its exit status.
int fork_server_main();

} // namespace weft::detail
