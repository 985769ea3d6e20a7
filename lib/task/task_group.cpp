// SPDX-License-Identifier: Apache-2.0
// A group's rules are asyncio.TaskGroup's as of CPython 3.13 (semantics: TGR rows); protocol in README.md.
#include <weft/task/task_group.hpp>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "task/runtime_core.hpp"

namespace weft::detail {

class group_core final : public task_observer {
public:
    explicit group_core(task_base& parent, std::size_t limit) : parent_(parent), limit_(limit) {}

    void enter() {
        for (;;) {
            wait w(wait_reason::group_place);
            wait_node node;
            lock_.lock();
            if (closed_ || aborting_) {
                lock_.unlock();
                throw group_closed(closed_ ? "weft: create_task of a group that is joined"
                                           : "weft: create_task of a group that is aborting");
            }
            if (limit_ == 0 || live_ < limit_) {
                ++live_;
                lock_.unlock();
                return;
            }
            const bool began = w.begin();
            if (began) {
                node.who = w.self();
                waiting_for_place_.push_back(node);
            }
            lock_.unlock();
            if (!began) w.throw_cancelled();
            const wait_end end = w.park();
            if (end == wait_end::notified) continue;
            lock_.lock();
            if (node.is_linked()) waiting_for_place_.remove(node);
            lock_.unlock();
            w.throw_cancelled();
        }
    }

    void leave() noexcept { one_less(nullptr, nullptr); }

    // Not launched yet: its end can't come before this.
    void adopt(task_base& child) noexcept {
        child.observer = this;
        child.core().add_ref();
        const std::lock_guard guard(lock_);
        children_.emplace(&child, ++created_);
    }

    void task_ended(task_base& t) noexcept override {
        std::exception_ptr error;
        if (t.core().state() == outcome_kind::exception) error = t.core().error();
        one_less(&t, std::move(error));
        t.core().drop_ref();
    }

    void join(std::exception_ptr body_error) {
        bool body_cancelled = false;
        std::string message;
        if (body_error) {
            try {
                std::rethrow_exception(body_error);
            } catch (const cancelled_error& e) {
                body_cancelled = true;
                message = e.what();
                body_error = nullptr;
            } catch (...) {}
            abort();
        }
        joining_.store(
            true, std::memory_order_seq_cst); // from here on a failure need not cancel the parent
        bool cancelled = body_cancelled;
        while (!wait_for_children(true)) {
            cancelled = true;
            message = last_message_;
            abort();
            wait_for_children(false);
        }
        // Our own request to the parent is taken back; what is left came from elsewhere.
        if (parent_cancelled_) {
            if (parent_.uncancel() == 0) cancelled = false;
            parent_cancelled_ = false;
        }
        std::vector<std::exception_ptr> errors;
        {
            const std::lock_guard guard(lock_);
            closed_ = true;
            errors.swap(errors_);
        }
        if (body_error) errors.push_back(std::move(body_error));
        if (!errors.empty()) {
            // A cancel from elsewhere is not lost: it waits for the parent's next wait.
            if (cancelled) parent_.word.request_cancel();
            std::string what = std::to_string(errors.size()) +
                               (errors.size() == 1 ? " task" : " tasks") +
                               " of a group failed; the first with " + describe(errors.front());
            throw task_errors(std::move(what), std::move(errors));
        }
        if (cancelled) throw cancelled_error(message);
    }

    void drop() noexcept {
        const mask_cancel mask;
        joining_.store(true, std::memory_order_seq_cst);
        abort();
        wait_for_children(false);
        if (parent_cancelled_) parent_.uncancel();
    }

private:
    // Once: a child's clean-up is not cancelled again. In the order of their creation; under no lock: cancelling takes those of
    // the children.
    void abort() noexcept {
        std::vector<std::pair<std::uint64_t, core_ref<future_core>>> alive;
        {
            const std::lock_guard guard(lock_);
            aborting_ = true;
            if (std::exchange(children_cancelled_, true)) return;
            for (auto [t, number] : children_)
                alive.emplace_back(number, core_ref<future_core>::share(&t->core()));
        }
        std::ranges::sort(alive, {}, [](const auto& child) { return child.first; });
        for (auto& [number, t] : alive) t->cancel({});
        wake_place_waiters();
    }

    void wake_place_waiters() noexcept {
        for (;;) {
            lock_.lock();
            wait_node* node = claim_first(waiting_for_place_);
            waiter* who = node != nullptr ? node->who.who : nullptr;
            lock_.unlock();
            if (who == nullptr) return;
            who->resume();
        }
    }

    void one_less(task_base* child, std::exception_ptr error) noexcept {
        bool first_error = false;
        lock_.lock();
        if (error) {
            first_error = !aborting_;
            aborting_ = true;
            errors_.push_back(std::move(error));
        }
        lock_.unlock();
        if (first_error) {
            // The child still counts as live: the group can't go away meanwhile.
            abort();
            if (!joining_.load(std::memory_order_seq_cst)) {
                parent_cancelled_ = true;
                parent_.core().cancel({});
            }
        }
        lock_.lock();
        if (child != nullptr) children_.erase(child);
        waiter* joiner = nullptr;
        if (--live_ == 0)
            if (wait_node* node = claim_first(joiners_)) joiner = node->who.who;
        waiter* place = nullptr;
        if (wait_node* node = claim_first(waiting_for_place_)) place = node->who.who;
        lock_.unlock(); // the group may be gone from here on
        if (place != nullptr) place->resume();
        if (joiner != nullptr) joiner->resume();
    }

    // False: the parent was cancelled.
    bool wait_for_children(bool cancellable) {
        for (;;) {
            wait w(wait_reason::group_children, cancellable);
            wait_node node;
            lock_.lock();
            if (live_ == 0) {
                lock_.unlock();
                return true;
            }
            bool began = w.begin();
            if (began) {
                node.who = w.self();
                joiners_.push_back(node);
            }
            lock_.unlock();
            if (began && w.park() == wait_end::notified) continue;
            lock_.lock();
            if (node.is_linked()) joiners_.remove(node);
            lock_.unlock();
            try {
                w.throw_cancelled();
            } catch (const cancelled_error& e) { last_message_ = e.what(); }
            return false;
        }
    }

    task_base& parent_;
    const std::size_t limit_;
    std::atomic<bool> joining_{false};
    bool parent_cancelled_ =
        false;                 // written by the first failing child before it counts itself out
    std::string last_message_; // owner's
    spin_lock lock_;           // guards the rest
    std::size_t live_ = 0;
    bool aborting_ = false, children_cancelled_ = false, closed_ = false;
    std::unordered_map<task_base*, std::uint64_t> children_; // who lives, and its number
    std::uint64_t created_ = 0;
    std::vector<std::exception_ptr> errors_;
    wait_list joiners_, waiting_for_place_;
};

group_core* make_group(std::size_t limit) {
    task_base* parent = current_task_base();
    if (parent == nullptr) throw std::logic_error("weft::task_group outside a task");
    return new group_core(*parent, limit);
}
void destroy_group(group_core* group) noexcept {
    group->drop();
    delete group;
}
void group_enter(group_core& group) { group.enter(); }
void group_leave(group_core& group) noexcept { group.leave(); }
void group_adopt(group_core& group, task_base& child) noexcept { group.adopt(child); }
void group_join(group_core& group, std::exception_ptr body_error) {
    group.join(std::move(body_error));
}

} // namespace weft::detail
