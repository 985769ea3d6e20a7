// SPDX-License-Identifier: Apache-2.0
// The owner of a stack forks and joins with plain stores while robbers take its oldest records: each fork is run once.
// An asymmetric fence is modelled by full fences on both sides, which is what it guarantees.
//
// Seen caught, with the schedule's number:
//   no light fence, no heavy fence                    run twice, 36 and 138
//   unlink: looks for "shared" only                   run twice, 256
//   rob: asks for no attention                        run twice, 1
//   rob: does not see that the owner answered         run twice, 2
//   rob: does not keep what was robbed last           taken by nobody, 3
//   rob: looks at the list's oldest each time         run twice, 29
//   rob: takes any newest_ but the last taken         a record behind the end, 78314 with three robbers
//   rob, link: newest_ relaxed                        a data race on the content, 7 and 7
//   settle: does not look at what was robbed          a data race on the content, 282
//   settle, answer: no lock                           taken by nobody, 9; run twice, 12
//   answer, share_oldest: no tidying                  run twice, 8; taken by nobody, 3
#include "relacy_atomics.hpp"

#include <weft/context/fork_list.hpp>

namespace {

using namespace weft::model;

struct fenced : relacy_atomics {
    static void light_fence() { fence(); }
    static void heavy_fence() { fence(); }
};
using list_type = weft::detail::basic_fork_list<fenced, mutex>;
using link_type = list_type::link_type;

/// A record in the owner's frame: what it holds is written before it is linked, and its frame dies after the join.
struct record : link_type {
    plain<int> content;
    atomic<int> runs{0};
};

/// The head must lie above all records, as in a stack's header; older records above newer ones.
struct owned_stack {
    record records[3]; // [2] is forked first
    list_type forks;
};

/// One robber at a time, as scheduler::foreign_stacks_ sees to.
template <unsigned Robbers>
struct fork_model : rl::test_suite<fork_model<Robbers>, 1 + Robbers> {
    owned_stack stack;
    mutex one_robber;

    bool share(link_type& link) {
        auto& r = static_cast<record&>(link);
        require(r.content.get() == 7, "a robber sees an unwritten record");
        r.runs.fetch_add(1, std::memory_order::relaxed);
        return true;
    }
    auto sharing() {
        return [this](link_type& link) { return share(link); };
    }

    void fork(unsigned i) {
        record& r = stack.records[i];
        r.content.set(7);
        r.runs.store(0, std::memory_order::relaxed);
        if (stack.forks.is_slow_at(&r)) (void)stack.forks.answer();
        stack.forks.link(r);
    }
    void join(unsigned i) {
        record& r = stack.records[i];
        if (!stack.forks.unlink(r) && stack.forks.settle(r))
            require(r.runs.load(std::memory_order::relaxed) == 1, "shared, but taken by nobody");
        else
            r.runs.fetch_add(1, std::memory_order::relaxed);
        require(r.runs.load(std::memory_order::relaxed) == 1, "run twice");
        r.content.set(0); // the frame's end: a robber that still reads it is a data race
    }

    void owner() {
        stack.forks.set_limit(1);
        fork(2);
        fork(1);
        if (rl::rand(2) != 0) // a demand is answered, or the task waits
            while (stack.forks.share_oldest(sharing()) != nullptr && rl::rand(2) != 0) {}
        fork(0);
        join(0);
        fork(0);
        join(0);
        join(1);
        fork(1);
        join(1);
        join(2);
        require(stack.forks.empty(), "something is left");
    }
    void robber() {
        stagger(12);
        one_robber.lock();
        (void)stack.forks.rob(sharing());
        one_robber.unlock();
    }
    void thread(unsigned me) { me == 0 ? owner() : robber(); }
};

} // namespace

int main() {
    const bool ok = run<fork_model<1>>(2'000'000) && run<fork_model<2>>(1'000'000) &&
                    run<fork_model<3>>(1'000'000);
    return ok ? 0 : 1;
}
