// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/select.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <span>
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
        : entries_(entries, count),
          channels_(count),
          order_(count) {
        for (const select_entry& e : entries_)
            if (e.channel != nullptr) note(e.channel);
    }

    void lock() noexcept {
        for (std::size_t i = 0; i < distinct_; ++i) channels_.data()[i]->guard.lock();
    }
    void unlock() noexcept {
        for (std::size_t i = distinct_; i-- > 0;) channels_.data()[i]->guard.unlock();
    }

    /// With the locks: one that is ready is done, the first or any. False: none is. Throws std::bad_alloc.
    bool try_each(bool biased, select_outcome& outcome, channel_core::node*& wake) {
        std::size_t left = 0;
        for (std::size_t i = 0; i < entries_.size(); ++i)
            if (seems_ready(entries_[i])) order_.data()[left++] = static_cast<unsigned>(i);
        if (!biased) shuffle(left);
        for (const unsigned i : std::span(order_.data(), left)) {
            select_entry& e = entries_[i];
            const auto r =
                e.sends ? e.channel->put(e.element, wake) : e.channel->take(e.element, wake);
            if (r == channel_core::result::must_wait) continue;
            outcome = {static_cast<int>(i), r == channel_core::result::closed};
            return true;
        }
        return false;
    }
    void enlist(bool biased, waker who) noexcept {
        std::size_t count = 0;
        for (std::size_t i = 0; i < entries_.size(); ++i)
            if (entries_[i].channel != nullptr) order_.data()[count++] = static_cast<unsigned>(i);
        // Only cases that stand in the same line can be before one another.
        if (!biased && distinct_ != count) shuffle(count);
        for (const unsigned i : std::span(order_.data(), count)) {
            select_entry& e = entries_[i];
            e.node.element = e.element;
            e.node.who = who;
            line_of(e).push_back(e.node);
        }
    }
    /// After the wait: an entry that was claimed is in no line, the others may be.
    void leave() noexcept {
        for (select_entry& e : entries_) {
            if (e.channel == nullptr || e.node.took_place || e.node.was_closed) continue;
            const std::lock_guard guard(e.channel->guard);
            if (e.node.is_linked()) line_of(e).remove(e.node);
        }
    }
    /// The one whose claim ended the wait.
    [[nodiscard]] select_outcome taken() const noexcept {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const channel_core::node& n = entries_[i].node;
            if (n.took_place || n.was_closed) return {static_cast<int>(i), n.was_closed};
        }
        return {select_outcome::k_expired, false};
    }

private:
    // Each channel once, by address: one order for all who lock several.
    void note(channel_core* channel) noexcept {
        channel_core** const all = channels_.data();
        std::size_t at = distinct_;
        for (; at > 0 && !std::less<>()(all[at - 1], channel); --at)
            if (all[at - 1] == channel) return;
        for (std::size_t i = distinct_++; i > at; --i) all[i] = all[i - 1];
        all[at] = channel;
    }
    // The first n of order_.
    void shuffle(std::size_t n) noexcept {
        if (n < 2) return;
        random_source random(next_seed());
        for (; n > k_usual; --n)
            std::swap(order_.data()[n - 1], order_.data()[random.below(static_cast<unsigned>(n))]);
        // Of few, each is drawn by 16 bits.
        for (std::uint64_t bits = 0; n > 1; --n, bits >>= 16) {
            if (bits == 0) bits = random.next();
            std::swap(order_.data()[n - 1], order_.data()[((bits & 0xffff) * n) >> 16]);
        }
    }
    static bool seems_ready(const select_entry& e) noexcept {
        if (e.channel == nullptr) return false;
        return e.sends ? e.channel->may_put() : e.channel->may_take();
    }
    static wait_list& line_of(select_entry& e) noexcept {
        return e.sends ? e.channel->senders() : e.channel->receivers();
    }
    const std::span<select_entry> entries_;
    per_entry<channel_core*> channels_;
    per_entry<unsigned> order_;
    std::size_t distinct_ = 0;
};

} // namespace

select_outcome run_select(select_entry* entries, std::size_t count, bool waits, bool biased,
                          deadline_ns deadline) {
    operation_point();
    selecting all(entries, count);
    select_outcome outcome{select_outcome::k_otherwise, false};
    channel_core::node* wake = nullptr;
    all.lock();
    bool done = false;
    try {
        done = all.try_each(biased, outcome, wake);
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
    all.enlist(biased, w.self());
    all.unlock();
    const wait_end end = w.park(deadline);
    all.leave();
    if (end == wait_end::cancelled) w.throw_cancelled();
    return all.taken();
}

} // namespace weft::detail
