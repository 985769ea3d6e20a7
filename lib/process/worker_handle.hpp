// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <weft/process/call.hpp>

#include "process/segment.hpp"
#include "process/wire.hpp"

namespace weft::detail {

struct worker_setup {
    code_place initializer;
    std::vector<worker_limit> limits;
};

/// The pool's end of one worker. Made and erased by the pool; everything under its mutex, but for receiving.
class process_worker {
public:
    /// Its socket and page; `its_socket` and `its_page` are for the fork server. It is sent the bell, which it rings for mail that a
    /// runtime wants. Throws std::system_error.
    process_worker(std::uint64_t number, const worker_setup& setup, int bell, unique_fd& its_socket,
                   unique_fd& its_page);
    ~process_worker();
    process_worker(const process_worker&) = delete;
    process_worker& operator=(const process_worker&) = delete;

    /// Sends it, as the last of the pipeline; `wanted`: how the answer is, if it is the only one. False: the socket is full, or closed; nothing happened.
    bool offer(process_call& call, std::uint64_t id, mailbox_state wanted);
    /// Takes the call away from it if it has not begun. True: it is in no pipeline any more.
    bool take_back(process_call& call) noexcept;
    /// The same if it runs; then the worker must be killed.
    bool condemn(process_call& call) noexcept;
    /// The call of that id, out of the pipeline; null: it was withdrawn.
    process_call* finish(std::uint64_t id) noexcept;
    /// Did the worker, which has died, begin this call?
    [[nodiscard]] bool has_begun(const process_call& call) const noexcept {
        return !page_->slots[call.slot].is(call.id, slot_state::offered);
    }
    void remove(process_call& call) noexcept;

    /// A plain thread wants the answer to its only call: what mailbox::wait says.
    std::uint32_t wait_for_mail() noexcept;
    /// It outlives this in those who sleep on its mailbox.
    [[nodiscard]] std::shared_ptr<worker_page> page() const noexcept { return page_; }
    /// The manager shall receive what comes. False: there is mail already.
    bool leave_to_manager() noexcept;
    /// False: there is none.
    bool take_mail(mail& into) noexcept;

    [[nodiscard]] process_call* last() const noexcept;

    [[nodiscard]] bool has_room() const noexcept { return !leaving && in_pipeline_ < k_pipeline; }
    [[nodiscard]] std::size_t in_pipeline() const noexcept { return in_pipeline_; }
    /// 0: it has not begun.
    [[nodiscard]] int pid() const noexcept { return page_->pid.load(std::memory_order_relaxed); }
    /// No further calls: it ends when it has done what it has.
    void close() noexcept;

    const std::uint64_t number;
    intrusive_list<process_call> calls; // in the order of the offers
    unique_fd socket;
    unsigned sent = 0;       // calls, for max_tasks_per_child
    bool leaving = false;    // takes no further call
    bool killed = false;     // by us
    bool has_served = false; // it has answered a call

private:
    [[nodiscard]] unsigned free_slot() const noexcept;

    const std::shared_ptr<worker_page> page_;
    unsigned used_slots_ = 0; // bits
    std::size_t in_pipeline_ = 0;
    struct nothing {};
    recent_segments<nothing> recent_; // as the worker's own
};

} // namespace weft::detail
