// SPDX-License-Identifier: Apache-2.0
// One direction of a descriptor: a reader that asks, sleeps and times out, against edges, a spurious edge and a close. All
// bytes arrive, no edge is lost (that would be a livelock), and who completes an operation does so while it is alive.
//
// Seen caught, with the schedule's number:
//   submit: asks the kernel before it uses up the mark  a livelock, 18
//   submit: no mark after as much as was asked for      a livelock, 1
//   submit: begins the wait twice                       130
//   submit: relaxed instead of release                  a livelock, 3
//   use_up: relaxed instead of acquire                  a livelock (hung_up is missed), 50
//   submit: hung_up is not looked at                    a livelock, 47
//   mark: only acquire, only release                    a livelock, 50 and 3
//   mark: overwrites k_closed                           a livelock, 5
//   complete: let_go relaxed, or not waited for         a race on the result, 1 and 1
//   complete: the result after the wake                 a result that is not there, 2
#include "relacy_atomics.hpp"

#include <reactor/readiness_word.hpp>
#include <weft/fiber/wait_word.hpp>

namespace {

using namespace weft::model;
using weft::detail::wait_end;
using word_type = weft::detail::basic_wait_word<relacy_atomics>;

/// As waker: ends one wait. The waiter spins instead of being resumed.
struct model_waker {
    word_type* word = nullptr;
    word_type::epoch_type epoch = 0;
    bool wake() const { return word->end(epoch, wait_end::notified); }
};

struct model_operation {
    std::size_t size = 0;
    plain<long> result;
    model_waker who;
    atomic<bool> let_go{false};
};
using readiness = weft::detail::basic_readiness<model_operation, relacy_atomics>;

/// The kernel's side: bytes, and whether the peer has ended.
class pipe {
public:
    void arrive(int n, bool ends) {
        lock_.lock();
        bytes_ += n;
        ended_ |= ends;
        lock_.unlock();
    }
    long receive(std::size_t size) {
        lock_.lock();
        const long n = bytes_ < static_cast<long>(size) ? bytes_ : static_cast<long>(size);
        bytes_ -= n;
        const bool ended = ended_;
        lock_.unlock();
        return n > 0 || ended ? n : -EAGAIN;
    }

private:
    mutex lock_;
    long bytes_ = 0;
    bool ended_ = false;
};

struct descriptor {
    readiness direction;
    atomic<bool> hung_up{false};
    pipe kernel;
    word_type word; // the reader's
    atomic<std::uint64_t> current{0};

    descriptor() { direction.reset(); }

    /// What a poll does with an event.
    void edge(bool hung) {
        if (hung) hung_up.store(true, std::memory_order::relaxed);
        if (model_operation* op = direction.mark_ready()) weft::detail::complete(*op, -EAGAIN);
    }
    void close() {
        if (model_operation* op = direction.mark_closed()) weft::detail::complete(*op, -ECANCELED);
    }
    /// As io/descriptor.cpp, but for a time-out it just tries again.
    long receive(std::size_t size) {
        for (;;) {
            model_operation op; // in a frame that is gone after each round
            op.size = size;
            const bool done = direction.submit(
                op, {.short_is_empty = true}, hung_up, [&] { return kernel.receive(op.size); },
                [&] {
                    require(op.who.word == nullptr, "the wait has begun already");
                    word.begin(false);
                    op.who = {&word, word.epoch()};
                    current.store(word.epoch(), std::memory_order::release);
                    return true;
                });
            if (done) {
                if (op.who.word != nullptr && !word.end(word.epoch(), wait_end::notified)) wait();
                if (op.result.get() != -EAGAIN) return op.result.get();
                continue;
            }
            wait();
            if (word.how() != wait_end::notified && !direction.retract(op))
                while (!op.let_go.load(std::memory_order::acquire)) relacy_atomics::pause();
            else if (word.how() != wait_end::notified)
                continue; // retracted: op has no result
            if (op.result.get() != -EAGAIN) return op.result.get();
        }
    }
    void wait() {
        while (!word.has_ended()) relacy_atomics::pause();
    }
    void expire() {
        const std::uint64_t epoch = current.load(std::memory_order::acquire);
        if (epoch != 0) word.end(epoch, wait_end::expired);
    }
};

/// Two bytes with one edge, read one by one.
struct bytes : rl::test_suite<bytes, 3> {
    descriptor d;
    void thread(unsigned index) {
        stagger(20);
        switch (index) {
        case 0:
            for (int i = 0; i < 2; ++i) require(d.receive(1) == 1, "a byte is lost");
            break;
        case 1:
            d.kernel.arrive(2, false);
            d.edge(false);
            break;
        case 2: d.expire(); break;
        }
    }
};

/// Two bytes, one by one, then the end. The edges of the last two come as one.
struct bytes_and_end : rl::test_suite<bytes_and_end, 3> {
    descriptor d;
    void thread(unsigned index) {
        stagger(20);
        switch (index) {
        case 0: {
            long total = 0, n = 0;
            while ((n = d.receive(2)) > 0) total += n;
            require(n == 0, "an error out of nothing");
            require(total == 2, "bytes are lost");
            break;
        }
        case 1:
            d.kernel.arrive(1, false);
            d.edge(false);
            d.kernel.arrive(1, false);
            d.kernel.arrive(0, true);
            d.edge(true);
            break;
        case 2:
            d.expire();
            d.edge(false); // of an earlier registration
            d.expire();
            break;
        }
    }
};

/// A close ends the reader, whatever else goes on, and for good.
struct closed : rl::test_suite<closed, 3> {
    descriptor d;
    void thread(unsigned index) {
        stagger(20);
        switch (index) {
        case 0:
            while (d.receive(2) > 0) {}
            require(d.receive(2) == -ECANCELED, "closed, but not for good");
            break;
        case 1: d.close(); break;
        case 2:
            d.kernel.arrive(1, false);
            d.edge(false);
            d.expire();
            break;
        }
    }
};

} // namespace

int main() {
    return run<bytes>(500'000) && run<bytes_and_end>(500'000) && run<closed>(500'000) ? 0 : 1;
}
