// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/base/intrusive_list.hpp>
#include <weft/base/spin_lock.hpp>
#include <weft/fiber/wait_word.hpp>

namespace weft::detail {

/// Whoever can wait: a fiber, or a plain thread.
class waiter {
public:
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    /// Makes it run again. Called once per ended wait, by whoever ended it; any thread.
    virtual void resume() noexcept = 0;

    wait_word word;

protected:
    waiter() = default;
    virtual ~waiter() = default;
};

/// The right to end one wait of one waiter; copies compete, exactly one succeeds. Valid as long as the waiter is: those who
/// keep one are told when the wait is over (they are unlinked), or hold a reference.
struct waker {
    waiter* who = nullptr;
    wait_word::epoch_type epoch = 0;

    /// Ends the wait without resuming: for callers that hold a lock. True: the caller must call who->resume() later.
    bool claim(wait_end how) const noexcept { return who->word.end(epoch, how); }
    /// Ends the wait and makes the waiter run. False: it had ended already.
    bool wake(wait_end how = wait_end::notified) const noexcept {
        if (!claim(how)) return false;
        who->resume();
        return true;
    }
};

/// A place in a wait_list; lies in the waiter's frame. What it waits for is the owner of the list's business.
struct wait_node : list_hook {
    waker who;
};

/// Waiters in order of arrival. The lock that guards it belongs to the primitive.
using wait_list = intrusive_list<wait_node>;

/// Pops waiters until one's wait could be ended; that one must be resumed, after the lock is released.
/// Waiters that were cancelled or expired meanwhile lose their place and nobody else does.
inline wait_node* claim_first(wait_list& list) noexcept {
    while (wait_node* node = list.pop_front())
        if (node->who.claim(wait_end::notified)) return node;
    return nullptr;
}

} // namespace weft::detail
