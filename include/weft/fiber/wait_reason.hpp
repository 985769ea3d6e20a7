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

/// As it goes after "waits for ".
constexpr const char* words_for(wait_reason why) noexcept {
    switch (why) {
    case wait_reason::other: break;
    case wait_reason::time: return "a point in time";
    case wait_reason::future: return "a future";
    case wait_reason::futures: return "several futures";
    case wait_reason::mutex: return "a mutex";
    case wait_reason::shared_mutex: return "a shared_mutex";
    case wait_reason::semaphore: return "a semaphore";
    case wait_reason::event: return "an event";
    case wait_reason::latch: return "a latch";
    case wait_reason::barrier: return "a barrier";
    case wait_reason::condition: return "a condition_variable";
    case wait_reason::queue_item: return "an item in a queue";
    case wait_reason::queue_room: return "room in a queue";
    case wait_reason::queue_join: return "a queue's items to be done";
    case wait_reason::channel_send: return "a receiver at a channel";
    case wait_reason::channel_receive: return "an item from a channel";
    case wait_reason::select: return "one of several channels (select)";
    case wait_reason::group_place: return "a place in a task_group";
    case wait_reason::group_children: return "the tasks of a task_group";
    case wait_reason::descriptor_read: return "a descriptor to be readable";
    case wait_reason::descriptor_write: return "a descriptor to be writable";
    case wait_reason::pool_room: return "room in a thread pool's queue";
    case wait_reason::connections: return "the connections of a server";
    }
    return "something";
}

} // namespace weft::detail
