// SPDX-License-Identifier: Apache-2.0
// The side of those who submit: queue, dispatch, cancel, shutdown. Protocol: README.md.
#include "process/pool.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "base/topology.hpp"
#include "process/bell_listener.hpp"
#include "process/start.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {
namespace {

std::vector<worker_limit> kernel_limits(const process_limits& l) {
    std::vector<worker_limit> all;
    const auto add = [&all](int resource, const std::optional<std::uint64_t>& value) {
        if (value) all.push_back({resource, *value});
    };
    add(RLIMIT_AS, l.memory);
    add(RLIMIT_NOFILE, l.open_files);
    add(RLIMIT_FSIZE, l.file_size);
    add(RLIMIT_CORE, l.core_size);
    if (l.cpu_time) {
        if (l.cpu_time->count() <= 0)
            throw std::invalid_argument("weft: process_limits::cpu_time must be above zero");
        all.push_back({RLIMIT_CPU, static_cast<std::uint64_t>(l.cpu_time->count())});
    }
    return all;
}

unsigned workers_of(unsigned wanted) {
    constexpr unsigned k_most = 4096;
    if (wanted > k_most)
        throw std::invalid_argument("weft: process_pool_options::max_workers is " +
                                    std::to_string(wanted) + "; at most " + std::to_string(k_most));
    return wanted != 0 ? wanted : usable_cores();
}

} // namespace

process_pool::process_pool(const process_pool_options& options)
    : max_workers_(workers_of(options.max_workers)),
      max_tasks_(options.max_tasks_per_child != 0 ? options.max_tasks_per_child
                                                  : std::numeric_limits<unsigned>::max()) {
    setup_.limits = kernel_limits(options.limits);
    if (options.initializer != nullptr && !in_worker_process())
        setup_.initializer = place_of(reinterpret_cast<const void*>(options.initializer));
}

process_pool::ended_calls::~ended_calls() {
    while (process_call* c = calls.pop_front()) {
        if (error)
            c->fail(error);
        else
            c->drop("the executor was shut down before the call ended");
        c->release();
    }
}

bool process_pool::is_of_this_process() const noexcept { return forks_ == fork_count(); }

void process_pool::require_usable() const {
    if (in_worker_process())
        throw std::logic_error("weft: a process pool can't be used in one of its workers");
    if (!is_of_this_process())
        throw std::logic_error("weft: a forked child can't use its parent's process pool");
    if (image_fd() < 0)
        throw std::logic_error(
            "weft: the program must link weft-process itself, and before the C library: its start "
            "did not come by here, so its image can't be started without running main");
}

// ---- calls come in ------------------------------------------------------------------------------------------------------

void process_pool::post(process_call& call) {
    require_usable();
    static_cast<void>(place_of(reinterpret_cast<const void*>(call.entry))); // throws: at the caller
    if (call.target != nullptr) static_cast<void>(place_of(call.target));
    runtime_core* const home = current_runtime_or_null();
    call.home = home;
    int unheard_bell = -1;
    {
        const std::lock_guard guard(mutex_);
        if (broken_) std::rethrow_exception(broken_);
        if (stopping_) throw runtime_closed("weft: a call after the executor's shutdown");
        call.queued = true;
        queue_.push_back(call);
        dispatch();
        require_somebody_for(call);
        if (home != nullptr && !is_heard_in(home)) unheard_bell = bell_.get();
    }
    if (unheard_bell >= 0) listen_in(*home, unheard_bell);
}

// Throws if there is nobody who could come for it.
void process_pool::require_somebody_for(process_call& call) {
    if (!call.queued || !workers_.empty()) return;
    if (start_error_) {
        queue_.remove(call);
        call.queued = false;
        std::rethrow_exception(start_error_);
    }
    wake_manager(); // it will start a worker in time
}

void process_pool::enqueue_first(process_call& call) noexcept {
    call.queued = true;
    queue_.push_front(call);
}

void process_pool::dispatch() noexcept {
    try {
        while (process_call* call = queue_.front()) {
            process_worker* w = worker_for_a_call();
            if (w == nullptr) break;
            queue_.remove(*call); // the hook is the pipeline's from here on
            call->queued = false;
            mail_in_use_ |= w->in_pipeline() == 0;
            if (!w->offer(*call, ++last_call_,
                          is_heard_in(call->home) ? mailbox_state::by_runtime
                                                  : mailbox_state::open)) {
                enqueue_first(*call);
                break;
            }
            retire_if_used_up(*w);
        }
    } catch (...) { start_error_ = std::current_exception(); }
    if (mail_in_use_ && !may_use_mail()) stop_mail();
}

// An idle one, a new one, or the one with the shortest pipeline; null: none has room.
process_worker* process_pool::worker_for_a_call() {
    process_worker* best = nullptr;
    unsigned lasting = 0;
    for (const auto& w : workers_) {
        if (w->leaving) continue;
        ++lasting;
        if (w->has_room() && (best == nullptr || w->in_pipeline() < best->in_pipeline()))
            best = w.get();
    }
    if (best != nullptr && best->in_pipeline() == 0) return best;
    if (lasting < max_workers_ && start_worker()) return workers_.back().get();
    return best;
}

// False: not now.
bool process_pool::start_worker() {
    if (time::now() < start_at_) return false;
    start_error_ = nullptr;
    start_manager();
    if (!server_) {
        server_ = std::make_unique<server_handle>();
        epoll_event e{.events = EPOLLIN, .data = {.u64 = 0}};
        epoll_ctl(poller_.get(), EPOLL_CTL_ADD, server_->socket(), &e);
    }
    unique_fd its_socket, its_page;
    auto w =
        std::make_unique<process_worker>(++last_number_, setup_, bell_.get(), its_socket, its_page);
    epoll_event e{.events = EPOLLIN, .data = {.u64 = w->number}};
    if (epoll_ctl(poller_.get(), EPOLL_CTL_ADD, w->socket.get(), &e) != 0)
        throw std::system_error(errno, std::generic_category(),
                                "weft: can't wait for a worker process");
    workers_.push_back(std::move(w));
    // False: the server has ended. The manager is told so, and counts this worker among its dead.
    return server_->spawn(last_number_, its_socket.get(), its_page.get());
}

void process_pool::start_manager() {
    if (has_manager_) return;
    poller_ = unique_fd(epoll_create1(EPOLL_CLOEXEC));
    wake_ = unique_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    bell_ = unique_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    epoll_event e{.events = EPOLLIN, .data = {.u64 = std::numeric_limits<std::uint64_t>::max()}};
    if (!poller_ || !wake_ || !bell_ ||
        epoll_ctl(poller_.get(), EPOLL_CTL_ADD, wake_.get(), &e) != 0)
        throw std::system_error(errno, std::generic_category(),
                                "weft: can't make what a process pool waits with");
    buffer_.resize(sizeof(answer_message) + k_inline_bytes);
    manager_ = std::thread([self = shared_from_this()] { self->manage(); });
    manager_id_ = manager_.get_id();
    has_manager_ = true;
}

void process_pool::wake_manager() noexcept {
    const std::uint64_t one = 1;
    if (has_manager_) static_cast<void>(!write(wake_.get(), &one, sizeof one));
}

// What an idle worker can do rather than wait behind a call that runs elsewhere.
void process_pool::offer_to_idle(process_worker& idle) noexcept {
    if (!idle.has_room() || idle.in_pipeline() != 0 || !queue_.empty()) return;
    for (const auto& w : workers_) {
        if (w.get() == &idle || w->in_pipeline() < 2) continue;
        process_call* call = w->last();
        if (!w->take_back(*call)) continue;
        enqueue_first(*call);
        dispatch();
        return;
    }
}

void process_pool::retire_if_used_up(process_worker& w) noexcept {
    if (w.sent >= max_tasks_) w.leaving = true;
    if (w.leaving && !w.killed && w.in_pipeline() == 0) w.close();
}

// ---- calls go ---------------------------------------------------------------------------------------------------------

bool process_pool::withdraw(process_call& call, bool running) noexcept {
    {
        const std::lock_guard guard(mutex_);
        if (call.queued) {
            queue_.remove(call);
            call.queued = false;
        } else if (process_worker* w = call.worker) {
            w->leave_to_manager(); // its waiter need not wait for what it will not get
            if (w->take_back(call)) {
                retire_if_used_up(*w);
            } else if (running && w->condemn(call)) {
                if (server_) server_->kill(w->number);
            } else {
                return false; // its answer is on the way, or it may run
            }
            dispatch();
        } else {
            return false;
        }
        close_if_done();
    }
    call.release();
    return true;
}

bool process_pool::is_idle() const noexcept {
    return queue_.empty() && completers_.empty() &&
           std::ranges::all_of(workers_, [](const auto& w) { return w->in_pipeline() == 0; });
}

// After shutdown, when nothing is left to do: the workers leave, and then the manager.
void process_pool::close_if_done() noexcept {
    if (!stopping_ || closing_ || !is_idle()) return;
    closing_ = true;
    for (const auto& w : workers_)
        if (!w->killed) w->close();
    wake_manager();
}

void process_pool::shutdown(const shutdown_options& options) {
    {
        ended_calls cancelled; // destroyed after the guard
        const std::lock_guard guard(mutex_);
        const auto me = std::this_thread::get_id();
        if (options.wait && (me == manager_id_ || std::ranges::count(completers_, me) != 0))
            throw would_deadlock(
                "weft: who receives an answer of a process pool can't wait for its shutdown");
        if (options.cancel_futures) {
            cancelled.calls.splice_back(queue_);
            for (process_call* c = cancelled.calls.front(); c != nullptr;
                 c = cancelled.calls.next(*c))
                c->queued = false;
            for (const auto& w : workers_)
                while (process_call* c = w->last()) {
                    if (!w->take_back(*c)) break;
                    cancelled.calls.push_back(*c);
                }
        }
        const bool first = !std::exchange(stopping_, true);
        stop_mail();
        if (first && !has_manager_) ended_.set_value();
        close_if_done();
    }
    if (!options.wait) return;
    const auto limit = options.timeout ? deadline_after(*options.timeout) : k_never;
    if (!has_ended_.core()->await_done_until(limit, false)) {
        ended_calls unfinished;
        const std::lock_guard guard(mutex_);
        while (process_call* c = queue_.pop_front()) {
            c->queued = false;
            unfinished.calls.push_back(*c);
        }
        for (const auto& w : workers_) {
            w->leaving = w->killed = true;
            if (server_) server_->kill(w->number);
            while (process_call* c = w->calls.front()) {
                w->remove(*c);
                unfinished.calls.push_back(*c);
            }
        }
        close_if_done();
    }
    has_ended_.core()->join();
    std::thread gone;
    {
        const std::lock_guard guard(mutex_);
        gone.swap(manager_);
    }
    if (gone.joinable()) gone.join(); // some instructions
}

std::vector<int> process_pool::pids() const {
    const std::lock_guard guard(mutex_);
    std::vector<int> all;
    for (const auto& w : workers_)
        if (const int pid = w->pid()) all.push_back(pid);
    return all;
}

} // namespace weft::detail
