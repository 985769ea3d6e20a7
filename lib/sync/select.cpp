// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/select.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "base/random.hpp"

namespace weft::detail {
namespace {

constexpr std::size_t k_usual = 16; // cases that need no allocation

/// Room for one thing per entry.
template <class T>
class per_entry {
public:
    explicit per_entry(std::size_t n) {
        if (n > k_usual) {
            more_.resize(n);
            at_ = more_.data();
        }
    }
    T* data() noexcept { return at_; }

private:
    T few_[k_usual];
    std::vector<T> more_;
    T* at_ = few_;
};

// Each stack counts for itself: nothing is shared between cores.
std::uint64_t next_seed() noexcept {
    if (stack_head* s = current_stack()) return ++s->draws;
    static std::atomic<std::uint64_t> last{1};
    return last.fetch_add(1, std::memory_order_relaxed);
}

class selecting {
public:
    selecting(select_entry* entries, std::size_t count)
        : entries_(entries),
          channels_(count),
          order_(count) {
        for (std::size_t i = 0; i < count; ++i) {
            if (entries[i].channel == nullptr) continue;
            order_.data()[used_++] = static_cast<unsigned>(i);
            note(entries[i].channel);
        }
    }

    void lock() noexcept {
        for (std::ptrdiff_t i = 0; i < distinct_; ++i) channels_.data()[i]->guard.lock();
    }
    void unlock() noexcept {
        for (std::ptrdiff_t i = distinct_; i-- > 0;) channels_.data()[i]->guard.unlock();
    }
    void shuffle() noexcept {
        if (used_ < 2) return;
        random_source random(next_seed());
        std::size_t i = used_;
        for (; i > k_usual; --i)
            std::swap(order_.data()[i - 1], order_.data()[random.below(static_cast<unsigned>(i))]);
        // Of few, each is drawn by 16 bits.
        for (std::uint64_t bits = 0; i > 1; --i, bits >>= 16) {
            if (bits == 0) bits = random.next();
            std::swap(order_.data()[i - 1], order_.data()[((bits & 0xffff) * i) >> 16]);
        }
    }

    /// With the locks: the first in order that is ready is done. False: none is. Throws std::bad_alloc.
    bool try_each(select_outcome& outcome, channel_core::node*& wake) {
        for (std::size_t i = 0; i < used_; ++i) {
            select_entry& e = entries_[order_.data()[i]];
            const auto r =
                e.sends ? e.channel->put(e.element, wake) : e.channel->take(e.element, wake);
            if (r == channel_core::result::must_wait) continue;
            outcome = {static_cast<int>(order_.data()[i]), r == channel_core::result::closed};
            return true;
        }
        return false;
    }
    void enlist(waker who) noexcept {
        for (std::size_t i = 0; i < used_; ++i) {
            select_entry& e = entries_[order_.data()[i]];
            e.node.element = e.element;
            e.node.who = who;
            line_of(e).push_back(e.node);
        }
    }
    /// After the wait: an entry that was claimed is in no line, the others may be.
    void leave() noexcept {
        for (std::size_t i = 0; i < used_; ++i) {
            select_entry& e = entries_[order_.data()[i]];
            if (e.node.took_place || e.node.was_closed) continue;
            const std::lock_guard guard(e.channel->guard);
            if (e.node.is_linked()) line_of(e).remove(e.node);
        }
    }
    /// The one whose claim ended the wait.
    [[nodiscard]] select_outcome taken() noexcept {
        for (std::size_t i = 0; i < used_; ++i) {
            const select_entry& e = entries_[order_.data()[i]];
            if (e.node.took_place || e.node.was_closed)
                return {static_cast<int>(order_.data()[i]), e.node.was_closed};
        }
        return {select_outcome::k_expired, false};
    }

private:
    // Each channel once, by address: one order for all who lock several.
    void note(channel_core* channel) noexcept {
        channel_core** const all = channels_.data();
        std::ptrdiff_t at = distinct_;
        for (; at > 0 && !std::less<>()(all[at - 1], channel); --at)
            if (all[at - 1] == channel) return;
        for (std::ptrdiff_t i = distinct_++; i > at; --i) all[i] = all[i - 1];
        all[at] = channel;
    }
    static wait_list& line_of(select_entry& e) noexcept {
        return e.sends ? e.channel->senders() : e.channel->receivers();
    }
    select_entry* const entries_;
    per_entry<channel_core*> channels_;
    per_entry<unsigned> order_;
    std::size_t used_ = 0;
    std::ptrdiff_t distinct_ = 0;
};

} // namespace

select_outcome run_select(select_entry* entries, std::size_t count, bool waits, bool biased,
                          deadline_ns deadline) {
    operation_point();
    selecting all(entries, count);
    if (!biased) all.shuffle();
    select_outcome outcome{select_outcome::k_otherwise, false};
    channel_core::node* wake = nullptr;
    all.lock();
    bool done = false;
    try {
        done = all.try_each(outcome, wake);
    } catch (...) {
        all.unlock();
        throw;
    }
    if (done || !waits) {
        all.unlock();
        if (wake != nullptr) wake->who.who->resume();
        return outcome;
    }
    wait w(wait_reason::select);
    if (!w.begin()) {
        all.unlock();
        w.throw_cancelled();
    }
    all.enlist(w.self());
    all.unlock();
    const wait_end end = w.park(deadline);
    all.leave();
    if (end == wait_end::cancelled) w.throw_cancelled();
    return all.taken();
}

} // namespace weft::detail
