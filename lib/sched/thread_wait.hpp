// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft::detail {

/// Told when its thread, a plain one, goes to sleep in a wait of the library, and when it goes on: a pool whose threads all
/// wait must not wait for ever. Both are called by that thread, without any lock of the library.
class thread_wait_observer {
public:
    virtual void sleeps() noexcept = 0;
    virtual void goes_on() noexcept = 0;

protected:
    ~thread_wait_observer() = default;
};

/// Who is told of the calling thread's waits; null: nobody. It must live until the thread ends or names another.
void observe_waits_of_this_thread(thread_wait_observer* observer) noexcept;

} // namespace weft::detail
