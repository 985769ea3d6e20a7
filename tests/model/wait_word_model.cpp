// SPDX-License-Identifier: Apache-2.0
// The wait word under all its users at once: exactly one ends each wait, no cancel is lost, none is delivered twice, and
// what an ender wrote is seen by the waiter.
//
// Seen caught, with the schedule's number:
//   end: relaxed instead of acq_rel              a race on the result, 1
//   end: no look at the phase                    two enders, 1
//   end: no look at the epoch                    a later wait is ended, 578
//   begin: relaxed instead of release            a race on what the waiter waits for, 4
//   begin: no look at the pending cancel         a wait that never ends, 1
//   begin: drops the pending cancel              a wait that never ends, 2
//   request_cancel, take_cancel: relaxed         a race on the cancel's message, 1 and 1
//   request_cancel, freeze: no look at the mask  a masked wait is cancelled, 3 and 3
//   freeze: relaxed instead of acq_rel           a race on what the waiter waits for, 233
//   thaw_cancelled: leaves no cancel             a cancel that is not there, 4
//   thaw_cancelled: relaxed instead of release   a race between two cancellers' results, 98
//   has_ended: a frozen wait counts as ended     a race on the result, 13
//   look, end_look: relaxed                      a race on what the waiter waits for, 233 and 4
//   end, has_ended: don't wait for a look        the same, 4
//   end_look: drops the pending cancel           a cancel that is not there, 60
//   request_cancel: does not wait for a look     a wait that never ends, 2993
// Not caught, since nothing is lost by it: freeze does not wait for a look (the cancel then goes past what the waiter waits for).
#include "relacy_atomics.hpp"

#include <weft/fiber/wait_word.hpp>

namespace {

using namespace weft::model;
using weft::detail::wait_end;
using word_type = weft::detail::basic_wait_word<relacy_atomics>;

/// A waiter that spins on its word, as a plain thread does on its futex, and what everybody does to it.
struct waiting_party {
    word_type word;
    atomic<std::uint64_t> offered{0}; // the epoch that enders may end; 0: none
    atomic<unsigned> resumed{0};      // by those whose end succeeded
    plain<int> waits_for;             // written before begin, read by whoever froze the wait
    plain<int> results[2]; // written by an ender before its end, read by the waiter after it
    plain<int> message;    // written by the only canceller before its request
    bool one_canceller = true;
    unsigned begun = 0, delivered = 0;

    void deliver() {
        require(word.take_cancel(), "a cancel was reported that is not there");
        if (one_canceller) require(message.get() == 9, "the cancel's message is not seen");
        ++delivered;
    }

    /// One wait, until somebody ends it. A cancel is delivered, here or at begin.
    void wait(bool cancellable, bool offer) {
        waits_for.set(7);
        if (!word.begin(cancellable)) return deliver();
        ++begun;
        if (offer) offered.store(word.epoch(), std::memory_order::release);
        while (!word.has_ended()) relacy_atomics::pause();
        switch (word.how()) {
        case wait_end::notified:
            require(results[0].get() == 40, "the notifier's result is not seen");
            break;
        case wait_end::expired:
            require(results[1].get() == 41, "the timer's result is not seen");
            break;
        case wait_end::cancelled:
            require(cancellable, "a wait that is not cancellable was cancelled");
            deliver();
            break;
        }
        offered.store(0, std::memory_order::relaxed);
    }

    /// A wait that others may end; if it was no cancel that did, one that only a cancel ends.
    void wait_until_cancelled() {
        wait(true, true);
        if (delivered == 0) wait(true, false);
    }

    void end_what_is_offered(wait_end how, unsigned which) {
        results[which].set(40 + static_cast<int>(which));
        for (int tries = 0; tries < 6; ++tries) {
            const std::uint64_t epoch = offered.load(std::memory_order::acquire);
            if (epoch == 0) {
                relacy_atomics::pause();
                continue;
            }
            if (word.end(epoch, how)) resumed.fetch_add(1, std::memory_order::relaxed);
            return;
        }
    }
    void request() {
        if (one_canceller) message.set(9);
        if (word.request_cancel()) resumed.fetch_add(1, std::memory_order::relaxed);
    }
    /// As a canceller that must look at what the waiter waits for.
    void freeze_and_request() {
        word_type::epoch_type epoch = 0;
        if (!word.freeze(epoch)) return request();
        require(waits_for.get() == 7, "the frozen waiter's record is not seen");
        if (one_canceller) message.set(9);
        word.thaw_cancelled();
        if (word.end(epoch, wait_end::cancelled)) resumed.fetch_add(1, std::memory_order::relaxed);
    }
    /// As a dump, which reads what the waiter left.
    void look_at_it() {
        if (!word.look()) return;
        require(waits_for.get() == 7, "the waiter's record is not seen by who looks at it");
        word.end_look();
    }
    void check(unsigned requests) {
        require(resumed.load(std::memory_order::relaxed) == begun,
                "a wait was not ended exactly once");
        const unsigned left = word.cancel_pending() ? 1 : 0;
        require(delivered + left <= requests, "a cancel was delivered twice");
        require(delivered + left >= 1, "a cancel was lost");
    }
};

/// A notifier, a timer and a canceller. The second wait has no ender but the cancel: if that is lost, it never ends.
struct cancel_competes : rl::test_suite<cancel_competes, 4> {
    waiting_party p;
    void thread(unsigned index) {
        stagger(20);
        switch (index) {
        case 0: p.wait_until_cancelled(); break;
        case 1: p.end_what_is_offered(wait_end::notified, 0); break;
        case 2: p.end_what_is_offered(wait_end::expired, 1); break;
        case 3: p.request(); break;
        }
    }
    void after() {
        require(p.delivered == 1, "the cancel was not delivered once");
        p.check(1);
    }
};

/// The canceller freezes; somebody else cancels as well; the two requests may become one.
struct freeze_competes : rl::test_suite<freeze_competes, 4> {
    waiting_party p;
    freeze_competes() { p.one_canceller = false; }
    void thread(unsigned index) {
        stagger(20);
        switch (index) {
        case 0: p.wait_until_cancelled(); break;
        case 1: p.end_what_is_offered(wait_end::notified, 0); break;
        case 2: p.freeze_and_request(); break;
        case 3: p.request(); break;
        }
    }
    void after() { p.check(2); }
};

/// Somebody looks at the wait meanwhile, masked or not: nothing is lost by that.
struct look_competes : rl::test_suite<look_competes, 4> {
    waiting_party p;
    look_competes() { p.one_canceller = false; }
    void thread(unsigned index) {
        stagger(20);
        switch (index) {
        case 0: p.wait_until_cancelled(); break;
        case 1: p.end_what_is_offered(wait_end::notified, 0); break;
        case 2: p.look_at_it(); break;
        case 3: p.freeze_and_request(); break;
        }
    }
    void after() { p.check(1); }
};

/// As before, with a cancel that goes straight to the waiter, and a wait that is masked.
struct look_at_masked : rl::test_suite<look_at_masked, 3> {
    waiting_party p;
    void thread(unsigned index) {
        stagger(20);
        switch (index) {
        case 0:
            p.wait(false, true);
            p.wait(true, false);
            break;
        case 1:
            while (p.offered.load(std::memory_order::relaxed) == 0) relacy_atomics::pause();
            p.look_at_it();
            p.end_what_is_offered(wait_end::notified, 0);
            p.look_at_it();
            break;
        case 2: p.request(); break;
        }
    }
    void after() {
        require(p.delivered == 1, "the cancel was not delivered once");
        p.check(1);
    }
};

/// A cancel leaves a masked wait alone and is delivered at the next one.
struct masked_wait : rl::test_suite<masked_wait, 3> {
    waiting_party p;
    void thread(unsigned index) {
        stagger(20);
        switch (index) {
        case 0:
            p.wait(false, true);
            p.wait(true, false);
            break;
        case 1:
            while (p.offered.load(std::memory_order::relaxed) == 0) relacy_atomics::pause();
            p.end_what_is_offered(wait_end::notified, 0);
            break;
        case 2: p.freeze_and_request(); break;
        }
    }
    void after() {
        require(p.delivered == 1, "the cancel was not delivered once");
        p.check(1);
    }
};

} // namespace

int main() {
    return run<cancel_competes>(1'000'000) && run<freeze_competes>(1'000'000) &&
                   run<masked_wait>(1'000'000) && run<look_competes>(300'000) &&
                   run<look_at_masked>(300'000)
               ? 0
               : 1;
}
