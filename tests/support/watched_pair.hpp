// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "support/party.hpp"

namespace weft::testing {

/// A socket pair; the first end is watched by the reactor of the worker that opens it.
class watched_pair {
public:
    explicit watched_pair(detail::scheduler& s) : home_(s) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_) != 0)
            std::abort();
    }
    ~watched_pair() {
        if (slot_ != nullptr) home_.slots()->release(slot_);
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    void watch() {
        slot_ = home_.slots()->take(ends_[0]);
        slot_->home = &home_.local_reactor();
        if (slot_->home.load()->kernel().attach(*slot_)) std::abort();
    }
    /// On a fiber: waits for a byte.
    char receive() {
        char byte = 0;
        for (;;) {
            detail::wait w(detail::wait_reason::other, false);
            detail::operation op;
            op.kind = detail::operation_kind::receive;
            op.slot = slot_;
            op.buffer = &byte;
            op.size = 1;
            auto begin = [](detail::operation& o, void* context) {
                auto& mine = *static_cast<detail::wait*>(context);
                const bool begun = mine.begin();
                o.who = mine.self();
                return begun;
            };
            if (slot_->home.load()->kernel().submit(op, begin, &w)) {
                if (op.who.who != nullptr && !w.withdraw()) w.park();
            } else {
                w.park();
            }
            if (op.result != -EAGAIN) return op.result == 1 ? byte : '?';
        }
    }
    void send(char byte) {
        if (::send(ends_[1], &byte, 1, MSG_NOSIGNAL) != 1) std::abort();
    }

private:
    detail::scheduler& home_;
    int ends_[2] = {-1, -1};
    detail::io_slot* slot_ = nullptr;
};

} // namespace weft::testing
