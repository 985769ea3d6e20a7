// SPDX-License-Identifier: Apache-2.0
// How the poller of a reactor sleeps, in a futex or in epoll, while others wake it and bring it its first descriptor
// (sleep_place.hpp). A lost wake-up, or an event that comes where nobody looks, is a deadlock here.
//
// Seen caught, all as a deadlock, with the schedule's number:
//   begin: no look at the count after the exchange, or a relaxed one   19, 28
//   begin: acq_rel instead of seq_cst                                  11
//   descriptor_added: a relaxed look at the word                       11
//   end: a relaxed exchange, a relaxed store                           14, 14
//   notify: relaxed instead of acq_rel                                 6
#include "relacy_atomics.hpp"

#include <reactor/sleep_place.hpp>

namespace {

using namespace weft::model;
using sleep_place = weft::detail::basic_sleep_place<relacy_atomics>;

/// Sleeps while told so, as the kernel does: the comparison with the word is a part of falling asleep.
class backend {
public:
    void attach() {
        if (sleep_.descriptor_added()) wake();
        signal(event_);
    }
    void wake() {
        const auto where = sleep_.notify();
        if (where == sleep_place::place::futex) signal(futex_);
        if (where == sleep_place::place::epoll) signal(wake_);
    }
    void poll() {
        const auto where = sleep_.begin();
        if (where == sleep_place::place::nowhere) return;
        lock_.lock();
        if (where == sleep_place::place::epoll) {
            while (!event_ && !wake_) changed_.wait(lock_.native(), RL_INFO);
            event_ = wake_ = false;
        } else {
            futex_ = false;
            while (!futex_ &&
                   sleep_.futex_word().load(std::memory_order::relaxed) == sleep_place::k_in_futex)
                changed_.wait(lock_.native(), RL_INFO);
        }
        lock_.unlock();
        sleep_.end();
    }
    [[nodiscard]] bool has_descriptors() const { return sleep_.has_descriptors(); }

private:
    void signal(bool& what) {
        lock_.lock();
        what = true;
        changed_.notify_all(RL_INFO);
        lock_.unlock();
    }
    sleep_place sleep_;
    mutex lock_;
    bool futex_ = false, wake_ = false, event_ = false;
    rl::condition_variable changed_;
};

/// One sleeps until two pieces of work are there; who makes them wakes it.
struct woken : rl::test_suite<woken, 2> {
    backend kernel;
    atomic<int> work{0}; // relaxed: only the sleep's word orders it

    void thread(unsigned index) {
        stagger(20);
        if (index == 0) {
            while (work.load(std::memory_order::relaxed) < 2) kernel.poll();
            return;
        }
        work.store(1, std::memory_order::relaxed);
        kernel.wake();
        work.store(2, std::memory_order::relaxed);
        kernel.wake();
    }
};

/// One sleeps until it has seen the event of the first descriptor, of which nobody else tells it.
struct first_descriptor : rl::test_suite<first_descriptor, 2> {
    backend kernel;
    atomic<int> there{0};

    void thread(unsigned index) {
        stagger(20);
        if (index == 0) {
            while (there.load(std::memory_order::relaxed) == 0) kernel.poll();
            return;
        }
        there.store(1, std::memory_order::relaxed);
        kernel.attach();
    }
};

} // namespace

int main() { return run<woken>(500'000) && run<first_descriptor>(500'000) ? 0 : 1; }
