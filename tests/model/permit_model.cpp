// SPDX-License-Identifier: Apache-2.0
// A permit changes hands while its worker runs, and with it the work that waits there and the reactor (permits.hpp,
// baton.hpp).
//
// The queue is a plain flag here, its own model is deque_model. What a worker pushes in the moment in which it loses the permit
// may be seen by nobody at once (no fence is paid for that): the last look of the mover stands for the monitor's next step.
//
// Seen caught, with the schedule's number:
//   grant, get: relaxed                     a data race, 4 and 4
//   grant, stop: no signal                  a livelock, 1 and 10
//   signal: relaxed                         a livelock, 3
//   revoke: a store instead of the CAS      taken twice, 1
//   await: does not look at signals         a livelock, 1
//   baton: try_take, give relaxed; no exchange   a data race, 4, 4 and 4
#include "relacy_atomics.hpp"

#include <reactor/baton.hpp>
#include <sched/permits.hpp>

namespace {

using namespace weft::model;

struct reactor_stub {
    weft::detail::basic_baton<relacy_atomics> baton;
    plain<int> driver; // the baton alone keeps it right

    void drive(int who) {
        while (!baton.try_take()) relacy_atomics::pause();
        driver = who;
        require(driver.get() == who, "two drive one reactor");
        baton.give();
    }
};

struct model_permit {
    reactor_stub* home = nullptr;
    plain<int> moves; // revoke and grant order those who have it
};

struct spinning {
    template <class Word>
    static void wait(const Word& word, std::uint32_t seen) {
        while (word.load(std::memory_order::relaxed) == seen) relacy_atomics::pause();
    }
    template <class Word>
    static void wake(const Word&) {}
};

using holder = weft::detail::basic_permit_holder<model_permit, relacy_atomics, spinning>;

/// 0 runs a task that makes something ready; 1 is a spare; 2 moves the permit.
struct displaced : rl::test_suite<displaced, 3> {
    reactor_stub reactor;
    model_permit permit;
    holder holders[2];
    atomic<int> queued{0}, injected{0}, taken{0};

    void before() {
        permit.home = &reactor;
        permit.moves = 0;
        reactor.driver = -1;
        holders[0].grant(&permit);
    }
    void take_queued() {
        if (queued.exchange(0, std::memory_order::acq_rel) == 1)
            taken.fetch_add(1, std::memory_order::relaxed);
    }
    void thread(unsigned index) {
        stagger(20);
        if (index == 0) {
            if (model_permit* p = holders[0].get()) p->home->drive(0);
            queued.store(1, std::memory_order::release);
            if (holders[0].get() == nullptr &&
                queued.exchange(0, std::memory_order::acq_rel) == 1) // to everybody's queue
                injected.fetch_add(1, std::memory_order::release);
            return;
        }
        if (index == 1) {
            for (;;) {
                const std::uint32_t seen = holders[1].signals();
                model_permit* p = holders[1].get();
                if (p == nullptr) {
                    holders[1].await(seen);
                    continue;
                }
                require(p->moves.get() == 1, "a permit before its mover was done with it");
                take_queued();
                p->home->drive(1);
                return;
            }
        }
        model_permit* p = holders[0].get();
        require(p == &permit, "the permit is nowhere");
        require(holders[0].revoke(p), "it was taken by nobody else");
        require(!holders[0].revoke(p), "it is taken once");
        p->moves = p->moves.get() + 1;
        holders[1].grant(p);
    }
    void after() {
        take_queued(); // the monitor's next step
        require(
            taken.load(std::memory_order::relaxed) + injected.load(std::memory_order::relaxed) == 1,
            "what was made ready is lost, or there twice");
        require(holders[0].get() == nullptr && holders[1].get() == &permit,
                "two have it, or nobody");
    }
};

/// A spare that waits is stopped, by one that grants and takes back as well.
struct stopped : rl::test_suite<stopped, 3> {
    model_permit permit;
    holder spare;

    void thread(unsigned index) {
        stagger(20);
        if (index == 0) {
            while (!spare.is_stopped()) {
                const std::uint32_t seen = spare.signals();
                if (spare.get() == nullptr) spare.await(seen);
            }
        } else if (index == 1) {
            spare.grant(&permit);
            require(spare.revoke(&permit), "nobody else takes it");
        } else {
            spare.stop();
        }
    }
};

/// A permit that is gone again before its new holder has woken: that one must come out and offer itself once more.
struct taken_back : rl::test_suite<taken_back, 2> {
    model_permit permit;
    holder spare;
    atomic<int> offers{0};

    void thread(unsigned index) {
        stagger(20);
        if (index == 0) {
            while (!spare.is_stopped()) {
                const std::uint32_t seen = spare.signals();
                offers.fetch_add(1, std::memory_order::relaxed);
                spare.await(seen);
            }
            return;
        }
        while (offers.load(std::memory_order::relaxed) == 0) relacy_atomics::pause();
        spare.grant(&permit);
        require(spare.revoke(&permit), "nobody else takes it");
        while (offers.load(std::memory_order::relaxed) == 1) relacy_atomics::pause();
        spare.stop();
    }
};

} // namespace

int main() {
    return run<displaced>(500'000) && run<stopped>(300'000) && run<taken_back>(300'000) ? 0 : 1;
}
