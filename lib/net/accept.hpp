// SPDX-License-Identifier: Apache-2.0
// Accepting for a server, which goes on whatever one client's connection meets.
#pragma once

#include <weft/io/io_handle.hpp>

namespace weft::net::detail {

/// The next client's descriptor; or -errno: of a lack of room, else the listener was closed. Throws std::system_error for what
/// is wrong with the listener, cancelled_error. May suspend.
int accept_client(const weft::detail::io_handle& listener);

/// Is it out of descriptors or memory? Nothing was accepted then: the listener stays ready, so the caller pauses.
bool lacks_room(int minus_error) noexcept;

} // namespace weft::net::detail
