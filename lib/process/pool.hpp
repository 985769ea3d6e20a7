// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <weft/process/process_pool.hpp>

#include "base/fork_count.hpp"
#include "process/segment.hpp"
#include "process/server_handle.hpp"
#include "process/worker_handle.hpp"

namespace weft::detail {

class bell_listener;
class runtime_core;

/// One pool: the queue, the workers, and the manager thread that receives what nobody waits for.
///
/// | field                                | guarded by                                                      |
/// |--------------------------------------|-----------------------------------------------------------------|
/// | queue_, workers_ (the set), server_, | mutex_; workers and the server are erased by the manager alone, |
/// | calls, the flags                     | which therefore receives from them without it                   |
/// | buffer_                              | the manager                                                     |
class process_pool final : public std::enable_shared_from_this<process_pool> {
public:
    explicit process_pool(const process_pool_options& options);

    void post(process_call& call);
    bool withdraw(process_call& call, bool running) noexcept;
    void shutdown(const shutdown_options& options);
    /// A plain thread waits for its answer, if it may be the one who receives it; at most until the deadline.
    void receive_here(process_call& call, deadline_ns deadline) noexcept;
    [[nodiscard]] std::vector<int> pids() const;
    [[nodiscard]] unsigned max_workers() const noexcept { return max_workers_; }
    [[nodiscard]] bool is_of_this_process() const noexcept;

    // ---- the listeners'
    /// Takes what mail there is.
    void collect_mail() noexcept;
    void forget(const bell_listener& one) noexcept;

    segment_pool segments;

private:
    using time = std::chrono::steady_clock;
    /// Calls that are completed after the mutex is free.
    struct ended_calls {
        intrusive_list<process_call> calls;
        std::exception_ptr error; // null: cancelled
        ~ended_calls();
    };

    // ---- under the mutex
    void require_usable() const;
    void require_somebody_for(process_call& call);
    void dispatch() noexcept;
    void enqueue_first(process_call& call) noexcept;
    process_worker* worker_for_a_call();
    bool start_worker();
    void start_manager();
    void offer_to_idle(process_worker& idle) noexcept;
    void retire_if_used_up(process_worker& w) noexcept;
    [[nodiscard]] bool is_idle() const noexcept;
    void close_if_done() noexcept;
    void break_pool(std::exception_ptr why, ended_calls& lost) noexcept;
    void note_death(process_worker& w, bool began_a_call, const std::string& how,
                    ended_calls& lost) noexcept;
    void wake_manager() noexcept;
    [[nodiscard]] process_call* note_answer(process_worker& w, std::uint64_t id) noexcept;
    [[nodiscard]] bool may_use_mail() const noexcept;
    void stop_mail() noexcept;
    [[nodiscard]] bool is_heard_in(const runtime_core* runtime) const noexcept;

    // ---- by who waits
    void listen_in(runtime_core& runtime, int bell) noexcept;
    bool take_mail(const std::function<process_worker*(mail&)>& find) noexcept;
    void complete(process_call& call, const answer_message& m, const std::byte* inlined,
                  unique_fd segment_fd) noexcept;

    // ---- the manager's
    void manage() noexcept;
    [[nodiscard]] int wait_limit();
    void receive_reports() noexcept;
    void receive_answers(process_worker& w, bool all) noexcept;
    bool take_answer(process_worker& w, received& m) noexcept;
    void initializer_failed(const answer_message& m) noexcept;
    void worker_ended(process_worker& w, int pid, int code, int status) noexcept;
    void server_ended() noexcept;
    process_worker* find(std::uint64_t number) noexcept;

    const unsigned max_workers_, max_tasks_;
    const unsigned forks_ = fork_count(); // the pool is of no use to a forked child
    worker_setup setup_;
    mutable std::mutex mutex_;
    intrusive_list<process_call> queue_;
    std::vector<std::unique_ptr<process_worker>> workers_;
    std::unique_ptr<server_handle> server_;
    unique_fd poller_, wake_;
    unique_fd bell_; // rung by workers, heard by runtimes
    std::vector<std::shared_ptr<bell_listener>> listeners_;
    bool mail_in_use_ = false;                // there may be some
    std::vector<std::thread::id> completers_; // who received mail and completes its call
    std::thread manager_;
    std::thread::id manager_id_;
    bool has_manager_ = false;
    std::uint64_t last_number_ = 0, last_call_ = 0;
    unsigned deaths_ = 0;         // in a row, without a call that was answered
    unsigned useless_deaths_ = 0; // of them: without a call that was begun
    time::time_point start_at_;   // no new worker before
    std::exception_ptr broken_, start_error_;
    bool stopping_ = false, closing_ = false;
    promise<void> ended_; // of the manager
    const future<void> has_ended_ = ended_.get_future();
    std::vector<std::byte> buffer_;
};

} // namespace weft::detail
