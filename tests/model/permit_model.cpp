// SPDX-License-Identifier: Apache-2.0
// A permit changes hands while its worker runs, and with it the work that waits there and the reactor (permits.hpp).
//
// The queue is a plain flag here, its own model is deque_model. What a worker pushes in the moment in which it loses the permit
// may be seen by nobody at once (no fence is paid for that): the last look of the mover stands for the monitor's next step.
#include "relacy_atomics.hpp"

#include <sched/permits.hpp>

namespace {

using namespace weft::model;

struct reactor_stub {
    atomic<bool> baton{false};
    int driver = -1; // plain: the baton alone keeps it right

    void drive(int who) {
        while (baton.exchange(true, std::memory_order::acquire)) relacy_atomics::pause();
        driver = who;
        require(driver == who, "two drive one reactor");
        baton.store(false, std::memory_order::release);
    }
};

struct model_permit {
    reactor_stub* home = nullptr;
    int moves = 0; // plain: revoke and grant order those who have it
};

struct spinning {
    template <class Word>
    static void wait(const Word&, std::uint32_t) {
        relacy_atomics::pause();
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
                require(p->moves == 1, "a permit before its mover was done with it");
                take_queued();
                p->home->drive(1);
                return;
            }
        }
        model_permit* p = holders[0].get();
        require(p == &permit, "the permit is nowhere");
        require(holders[0].revoke(p), "it was taken by nobody else");
        require(!holders[0].revoke(p), "it is taken once");
        ++p->moves;
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

} // namespace

int main() { return run<displaced>(500'000) && run<stopped>(300'000) ? 0 : 1; }
