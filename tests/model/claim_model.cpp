// SPDX-License-Identifier: Apache-2.0
// A fork that was shared: its owner goes on and joins, a thief pops its claim block, early, late or never in time. It is run
// once, the result is seen, nobody touches the frame after the join, and the block ends with the last who knows it.
// The claim and the references are the shipped ones; the queue and the future stand for themselves: one release, one acquire.
//
// Seen caught, all as data races on the record, the result or the block, with the schedule's number:
//   take: looks, then writes; always true             6 and 1
//   drop: relaxed, release or acquire alone; the sole owner's look relaxed        10, 10, 10 and 177
//   one reference; the thief drops its own too early  1 and 3
//   the losing thief looks at the record; the winning one does after it is done   1 and 10
//   done: relaxed; before the result                  10 and 10
//   the owner: does not wait; waits relaxed; does not claim                       10, 10 and 1
//   the queue's push relaxed; the list's link relaxed 10 and 4
#include "relacy_atomics.hpp"

#include <weft/base/ref_count.hpp>
#include <weft/compute/claim.hpp>

namespace {

using namespace weft::model;

constexpr int k_argument = 7, k_result = 8, k_gone = -1;

/// Lies in the owner's frame.
struct record {
    plain<int> argument;
};

/// Outlives the frame where it must. Two references: the queue's and the scope's.
struct block {
    weft::detail::basic_claim<relacy_atomics> claim;
    weft::detail::basic_ref_count<relacy_atomics> refs{2};
    atomic<bool> done{false};
    plain<int> result;
    plain<record*> from;
};

/// By the owner, who shares while it works or before it waits, or by a robber, who does it while the owner works on.
template <bool Robbed>
struct claim_model : rl::test_suite<claim_model<Robbed>, Robbed ? 3 : 2> {
    record frame;
    block fork;
    atomic<block*> queue{nullptr};
    atomic<bool> linked{false},
        shared{false}; // stand for the fork list, which has a model of its own
    plain<int> runs;

    static int call(record& r) {
        require(r.argument.get() == k_argument, "the frame is gone, or was never seen");
        return k_result;
    }
    void drop() {
        if (!fork.refs.drop()) return;
        fork.result.set(k_gone); // who comes later has a data race
        fork.from.set(nullptr);
    }

    void share() {
        fork.from.set(&frame);
        queue.store(&fork, std::memory_order::release);
        shared.store(true, std::memory_order::release);
    }
    void owner() {
        runs.set(0);
        frame.argument.set(k_argument);
        linked.store(true, std::memory_order::release);
        if (!Robbed) share();
        while (!shared.load(std::memory_order::acquire)) relacy_atomics::pause();
        stagger(6); // its own call
        if (fork.claim.take()) {
            runs.set(runs.get() + 1);
            require(call(frame) == k_result, "a wrong result");
        } else {
            while (!fork.done.load(std::memory_order::acquire)) relacy_atomics::pause();
            require(fork.result.get() == k_result, "the result is not seen");
        }
        require(runs.get() == 1, "not run once");
        frame.argument.set(k_gone); // the frame's end
        drop();
    }
    void thief() {
        stagger(12);
        block* mine = queue.exchange(nullptr, std::memory_order::acquire);
        while (mine == nullptr) { // whoever takes it, takes it once: it is in the queue until then
            relacy_atomics::pause();
            mine = queue.exchange(nullptr, std::memory_order::acquire);
        }
        stagger(6);
        if (mine->claim.take()) {
            runs.set(runs.get() + 1);
            mine->result.set(call(*mine->from.get()));
            mine->done.store(
                true, std::memory_order::release); // the last that touches the frame came before
        }
        drop();
    }
    void robber() {
        while (!linked.load(std::memory_order::acquire)) relacy_atomics::pause();
        share();
    }
    void thread(unsigned me) {
        if (me == 0) owner();
        if (me == 1) thief();
        if (me == 2) robber();
    }
};

} // namespace

int main() {
    const bool ok = run<claim_model<false>>(500'000) && run<claim_model<true>>(500'000);
    return ok ? 0 : 1;
}
