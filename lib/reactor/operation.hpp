// SPDX-License-Identifier: Apache-2.0
// What tasks ask of the kernel, in the shape of a completion: submitted, then done exactly once.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <weft/fiber/waker.hpp>

#include "reactor/readiness_word.hpp"

namespace weft::detail {

class backend;
class reactor;

enum class io_direction : unsigned { read = 0, write = 1 };

enum class operation_kind : unsigned char {
    readable,
    receive,
    receive_message, // the buffer is a msghdr
    read,            // of what is no socket
    accept,
    writable,
    send,
    send_message,
    write,
    connect
};

constexpr io_direction direction_of(operation_kind kind) noexcept {
    return kind < operation_kind::writable ? io_direction::read : io_direction::write;
}

/// Does shutdown(2) end a thread's wait for it?
constexpr bool is_of_sockets(operation_kind kind) noexcept {
    return kind != operation_kind::readable && kind != operation_kind::read &&
           kind != operation_kind::writable && kind != operation_kind::write;
}

struct operation;

/// A registered descriptor. Slots are type-stable: their memory is only ever used for slots, so an event of a poll batch
/// may meet one whose descriptor was closed meanwhile, and sees so by the generation.
struct io_slot {
    basic_readiness<operation> directions[2];
    std::atomic<std::uint32_t> generation{0};
    std::atomic<bool> hung_up{
        false}; // the peer has ended: no further edge may come, never wait without asking the kernel
    int fd = -1;
    std::atomic<reactor*> home{
        nullptr}; // whose backend watches it; changed by the task that waits on it
    std::atomic<unsigned> waits_elsewhere{0}; // waits in a row from another reactor's worker
    io_slot* next_free = nullptr;

    basic_readiness<operation>& direction(io_direction d) noexcept {
        return directions[static_cast<unsigned>(d)];
    }
};

/// One request to the kernel; lies in the frame of the fiber that waits for it, until its terminal completion.
struct operation {
    operation_kind kind;
    io_slot* slot = nullptr;
    void* buffer = nullptr; // connect: a sockaddr
    std::size_t size = 0;
    /// Bytes or descriptor; or -errno. -EAGAIN: the descriptor is ready, submit again (readiness backends only).
    ssize_t result = 0;
    waker who;
    /// A completer that took the operation but did not end its wait says here that it is through with it.
    std::atomic<bool> let_go{false};
};

} // namespace weft::detail
