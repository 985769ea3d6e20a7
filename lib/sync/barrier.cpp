// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/barrier.hpp>

#include <mutex>
#include <stdexcept>

namespace weft::detail {

struct barrier_core::node : wait_node {
    phase_type phase = 0;
    std::ptrdiff_t index = -1; // once the phase is complete
    bool was_broken = false;
};

barrier_core::barrier_core(std::ptrdiff_t expected, void (*completion)(void*), void* context)
    : completion_(completion),
      context_(context),
      expected_(expected) {
    if (expected < 0 || expected > k_most)
        throw std::invalid_argument("weft::barrier: expected must be from 0 to max()");
}

// With lock_. The phase of the last arrival is over at once for those who come later: they count for the next one.
barrier_core::arrival barrier_core::count_locked(std::ptrdiff_t n, bool drop) {
    if (broken_) throw broken_barrier();
    if (n <= 0 || n > expected_ - arrived_)
        throw std::logic_error("weft::barrier: more arrivals than are expected, or none");
    arrived_ += n;
    const arrival mine{phase_, arrived_ == expected_};
    if (drop) --expected_;
    if (mine.last) {
        arrived_ = 0;
        ++phase_;
    }
    return mine;
}

// Whose arrival is not taken back by now has arrived, also if a cancel has just ended his wait. Returns how many there were.
std::ptrdiff_t barrier_core::claim_of_phase(phase_type phase, wait_list& claimed) noexcept {
    std::ptrdiff_t count = 0;
    for (wait_node* n = waiting_.front(); n != nullptr;) {
        wait_node* following = waiting_.next(*n);
        if (static_cast<node*>(n)->phase == phase) {
            waiting_.remove(*n);
            static_cast<node*>(n)->index = count++;
            if (n->who.claim(wait_end::notified)) claimed.push_back(*n);
        }
        n = following;
    }
    return count;
}

// `claimed`: who waited when the last one came. Their waits are over, no cancel reaches them; they go on after the function.
void barrier_core::complete(phase_type phase, wait_list& claimed) {
    completion_(context_);
    {
        const std::lock_guard guard(lock_);
        done_ = phase + 1;
        claim_of_phase(phase, claimed); // who began to wait meanwhile
    }
    resume_all(claimed);
}

barrier_core::phase_type barrier_core::arrive(std::ptrdiff_t n, bool drop) {
    wait_list claimed;
    arrival mine{};
    {
        const std::lock_guard guard(lock_);
        mine = count_locked(n, drop);
        if (mine.last) claim_of_phase(mine.phase, claimed);
    }
    if (mine.last) complete(mine.phase, claimed);
    return mine.phase;
}

void barrier_core::wait(phase_type phase) {
    operation_point();
    wait_for(phase, true);
}

void barrier_core::wait_for(phase_type phase, bool cancellable) {
    class wait w(wait_reason::barrier, cancellable);
    node me;
    me.phase = phase;
    {
        std::unique_lock lock(lock_);
        if (done_ > phase) return;
        if (broken_) throw broken_barrier();
        if (!w.begin()) {
            lock.unlock();
            w.throw_cancelled();
        }
        me.who = w.self();
        waiting_.push_back(me);
    }
    if (w.park() == wait_end::notified) {
        if (me.was_broken) throw broken_barrier();
        return;
    }
    {
        const std::lock_guard guard(lock_);
        if (me.is_linked()) waiting_.remove(me);
    }
    w.throw_cancelled();
}

std::ptrdiff_t barrier_core::arrive_and_wait() {
    operation_point();
    class wait w(wait_reason::barrier);
    node me;
    wait_list claimed;
    arrival mine{};
    bool began = true;
    {
        const std::lock_guard guard(lock_);
        mine = count_locked(1, false);
        if (mine.last) {
            me.index = claim_of_phase(mine.phase, claimed);
        } else if ((began = w.begin())) {
            me.phase = mine.phase;
            me.who = w.self();
            waiting_.push_back(me);
        } else {
            --arrived_;
        }
    }
    if (mine.last) {
        complete(mine.phase, claimed);
        return me.index;
    }
    if (!began) w.throw_cancelled();
    if (w.park() == wait_end::notified) {
        if (me.was_broken) throw broken_barrier();
        return me.index;
    }
    {
        const std::lock_guard guard(lock_);
        if (me.is_linked()) {
            waiting_.remove(me);
            --arrived_;
        }
    }
    if (me.index < 0) w.throw_cancelled();
    wait_for(
        mine.phase,
        false); // the last one was quicker: we have arrived, and the cancel waits for our next wait
    return me.index;
}

void barrier_core::break_round(bool stay_broken) noexcept {
    wait_list claimed;
    {
        const std::lock_guard guard(lock_);
        broken_ = stay_broken;
        arrived_ = 0;
        while (wait_node* n = waiting_.pop_front())
            if (n->who.claim(wait_end::notified)) {
                static_cast<node*>(n)->was_broken = true;
                claimed.push_back(*n);
            }
    }
    resume_all(claimed);
}

void barrier_core::abort() noexcept { break_round(true); }
void barrier_core::reset() noexcept { break_round(false); }

bool barrier_core::broken() const noexcept {
    const std::lock_guard guard(lock_);
    return broken_;
}

void barrier_core::resume_all(wait_list& claimed) noexcept {
    while (wait_node* n = claimed.pop_front()) n->who.who->resume(); // gone with the resume
}

} // namespace weft::detail
