// SPDX-License-Identifier: Apache-2.0
// Going to sleep against being woken: how one worker sleeps in its reactor (parking.hpp), and who is woken for new work
// (idle.hpp). A lost wake-up is a deadlock here.
//
// Seen caught, with the schedule's number:
//   sleep: no look at is_notified under the baton    a deadlock, 47
//   finish: a relaxed store instead of the exchange  a deadlock, 1
//   notify: relaxed instead of acq_rel               a deadlock, 1
//   the worker: no last look after fall_asleep       a livelock, 4
//   worker_to_wake, fall_asleep: no fence            a livelock, 13 and 4
//   the last searcher wakes nobody                   a livelock, 1
//   doze, must_wake: relaxed instead of seq_cst      a livelock, 31 and 31
//   wake_up: the count of sleepers is not lowered    the count at the end, 3
#include "relacy_atomics.hpp"

#include <sched/doze.hpp>
#include <sched/idle.hpp>
#include <sched/parking.hpp>

namespace {

using namespace weft::model;
using idle_type = weft::detail::basic_idle<relacy_atomics, mutex>;
using parking_type = weft::detail::basic_parking<relacy_atomics>;

/// A reactor as far as sleeping goes: an eventfd, and the baton of whoever polls it.
class kernel {
public:
    void wake() {
        token_lock_.lock();
        token_ = true;
        changed_.notify_all(RL_INFO);
        token_lock_.unlock();
    }
    /// Takes what is there; waits for it if told so. Needs the baton.
    void poll(bool waits) {
        token_lock_.lock();
        while (waits && !token_) changed_.wait(token_lock_.native(), RL_INFO);
        token_ = false;
        token_lock_.unlock();
    }
    bool try_take() { return !baton_.exchange(true, std::memory_order::acquire); }
    void give() { baton_.store(false, std::memory_order::release); }

private:
    mutex token_lock_;
    bool token_ = false;
    rl::condition_variable changed_;
    atomic<bool> baton_{false};
};

struct sleeper {
    parking_type parking;
    kernel home;

    void sleep() {
        if (!parking.prepare()) return;
        while (!home.try_take()) relacy_atomics::pause();
        if (!parking.is_notified()) home.poll(true);
        home.give();
        parking.finish();
    }
    void unpark() {
        if (parking.notify()) home.wake();
    }
};

/// Two notifications against the sleep; a third thread drives the sleeper's reactor for a moment and takes what is there.
struct one_sleeper : rl::test_suite<one_sleeper, 3> {
    sleeper s;
    atomic<int> work{0}; // relaxed: only the parking word orders it

    void thread(unsigned index) {
        stagger(20);
        switch (index) {
        case 0:
            // Looks, sleeps, looks again: for ever, if a notification is lost or used up before its work is seen.
            while (work.load(std::memory_order::relaxed) < 2) s.sleep();
            break;
        case 1:
            work.store(1, std::memory_order::relaxed);
            s.unpark();
            work.store(2, std::memory_order::relaxed);
            s.unpark();
            break;
        case 2:
            if (s.home.try_take()) {
                s.home.poll(false);
                s.home.give();
            }
            break;
        }
    }
};

/// A thread that is no worker makes two pieces of work visible; two workers look for them and sleep. Each piece lasts
/// until the other one has been taken, so a wake-up that is lost, or left to the worker that is busy, ends in a livelock.
struct work_for_sleepers : rl::test_suite<work_for_sleepers, 3> {
    static constexpr int k_pieces = 2;
    idle_type idle{2};
    sleeper sleepers[2];
    atomic<int> visible[k_pieces] = {0, 0}; // 1: there
    atomic<int> taken{0};
    atomic<bool> stopping{false};

    int take() {
        for (auto& piece : visible) {
            int there = 1;
            if (piece.load(std::memory_order::relaxed) == 1 &&
                piece.compare_exchange_strong(there, 2, std::memory_order::acquire,
                                              std::memory_order::relaxed))
                return 1;
        }
        return 0;
    }
    bool anything_visible() {
        if (stopping.load(std::memory_order::seq_cst)) return true;
        for (auto& piece : visible)
            if (piece.load(std::memory_order::relaxed) == 1) return true;
        return false;
    }
    void notify() {
        if (const int w = idle.worker_to_wake(); w != idle_type::k_nobody) sleepers[w].unpark();
    }
    void stop() {
        stopping.store(true, std::memory_order::seq_cst);
        for (sleeper& s : sleepers) s.unpark();
    }
    void worker(unsigned index) {
        bool searching = false;
        for (;;) {
            if (stopping.load(std::memory_order::acquire)) return;
            if (!searching) searching = idle.start_search();
            if (searching && take() != 0) {
                searching = false;
                if (idle.end_search()) {
                    relacy_atomics::fence();
                    if (anything_visible()) notify();
                }
                if (taken.fetch_add(1, std::memory_order::relaxed) + 1 == k_pieces) stop();
                // The piece is long: the other one must find its worker meanwhile.
                while (taken.load(std::memory_order::relaxed) < k_pieces) relacy_atomics::pause();
                continue;
            }
            idle.fall_asleep(index, searching);
            if (!anything_visible()) sleepers[index].sleep();
            searching = !idle.wake_up(index);
        }
    }
    void thread(unsigned index) {
        stagger(20);
        if (index < 2) return worker(index);
        for (auto& piece : visible) {
            piece.store(1, std::memory_order::release);
            notify();
        }
    }
    void after() {
        require(taken.load(std::memory_order::relaxed) == k_pieces, "a piece of work is lost");
        require(idle.asleep() == 0, "somebody counts as asleep who is not");
    }
};

/// A watcher goes to sleep without ticks while somebody becomes busy, and stays so until the watcher has noticed.
struct dozing_watcher : rl::test_suite<dozing_watcher, 2> {
    weft::detail::basic_doze<relacy_atomics> doze;
    atomic<bool> busy{false}, noticed{false};

    void thread(unsigned index) {
        stagger(20);
        if (index == 0) {
            busy.store(true, std::memory_order::seq_cst);
            (void)doze.must_wake();
            while (!noticed.load(std::memory_order::relaxed)) relacy_atomics::pause();
            return;
        }
        for (;;) {
            doze.begin();
            if (busy.load(std::memory_order::seq_cst)) break;
            while (doze.is_dozing()) relacy_atomics::pause();
            doze.end();
        }
        noticed.store(true, std::memory_order::relaxed);
    }
};

} // namespace

int main() {
    return run<one_sleeper>(1'000'000) && run<work_for_sleepers>(500'000) &&
                   run<dozing_watcher>(500'000)
               ? 0
               : 1;
}
