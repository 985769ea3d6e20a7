// SPDX-License-Identifier: Apache-2.0
// What somebody waits for, in a byte: for reports.
#pragma once

#include <cstdint>

namespace weft::detail {

enum class wait_reason : std::uint8_t {
    other,
    time,
    future,
    futures,
    mutex,
    shared_mutex,
    semaphore,
    event,
    latch,
    barrier,
    condition,
    queue_item,
    queue_room,
    queue_join,
    channel_send,
    channel_receive,
    select,
    group_place,
    group_children,
    descriptor_read,
    descriptor_write,
    pool_room,
    connections,
};

} // namespace weft::detail
