// SPDX-License-Identifier: Apache-2.0
// A worker's queue that grows and wraps while its owner and two thieves take: every item comes out once, complete, and
// items that one taker gets come in order.
//
// Seen caught, with the schedule's number:
//   push: relaxed instead of release     a race on the item, 1
//   take: bottom_ relaxed                a race on the item, 1
//   grow: relaxed instead of release     an array without its items, 61
//   take: live_ relaxed                  an array without its items, 61
//   take: a store instead of the CAS     an item twice, 1
//   push: room for one too many          an item overwritten, 1
//   grow: copies one too few             an item lost, 3
// And where the owner takes by plain stores, a race on an item each:
//   no light fence, no heavy fence       18, 23
//   guest: does not wait for the owner   14
//   guest: leaves relaxed                1
//   owner: does not look for guests      2
//   owner: looks relaxed                 14
// Not caught: how the owner ends its take and the guest sees that: who sees an old top_ fails at his CAS. Nor the orders of
// top_: they keep a taker's read of its slot before the owner's next use of it; relacy lets no read see the future.
// An asymmetric fence is modelled by full fences on both sides, which is what it guarantees.
#include "relacy_atomics.hpp"

#include <sched/deque.hpp>

namespace {

using namespace weft::model;

struct item {
    plain<int>
        content; // written by the owner before push, by the taker after take: a race if two have it
    int number = 0;
};
struct fenced : relacy_atomics {
    static void light_fence() { fence(); }
    static void heavy_fence() { fence(); }
};
using queue_type = weft::detail::basic_deque<item*, fenced>;

template <bool RareGuests>
struct everything_once : rl::test_suite<everything_once<RareGuests>, 3> {
    static constexpr int k_items = 7;
    queue_type queue{RareGuests, 2}; // two places: grows, and its indices go round
    item items[k_items];
    int taken[3] = {};
    int last[3] = {-1, -1, -1};

    void take(unsigned who) {
        item* i = who == 0 ? queue.take_own() : queue_type::guest(queue).take();
        if (i == nullptr) return;
        require(i->content.get() == i->number, "an item is not complete, or came twice");
        i->content.set(-1);
        require(i->number > last[who], "items are out of order");
        last[who] = i->number;
        ++taken[who];
    }
    void push(int number) {
        items[number].number = number;
        items[number].content.set(number);
        queue.push(&items[number]);
    }
    void thread(unsigned index) {
        stagger(20);
        if (index == 0) {
            push(0);
            push(1);
            take(0);
            push(2);
            push(3); // grows, if nobody else has taken
            push(4);
            take(0);
            push(5);
            push(6);
            take(0);
            return;
        }
        for (int i = 0; i < 3; ++i) take(index);
    }
    void after() {
        while (!queue.empty()) take(0);
        require(taken[0] + taken[1] + taken[2] == k_items, "an item is lost");
    }
};

} // namespace

int main() {
    return run<everything_once<false>>(1'000'000) && run<everything_once<true>>(1'000'000) ? 0 : 1;
}
