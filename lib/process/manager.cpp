// SPDX-License-Identifier: Apache-2.0
// The side of the manager thread: answers, deaths, replacements. Protocol: README.md.
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <span>

#include "process/bell_listener.hpp"
#include "process/pool.hpp"

namespace weft::detail {
namespace {

constexpr std::uint64_t k_server = 0, k_wake = std::numeric_limits<std::uint64_t>::max();
constexpr unsigned k_most_useless_deaths = 5;

/// Before the next worker, after so many deaths in a row.
std::chrono::milliseconds pause_after(unsigned deaths) noexcept {
    constexpr std::chrono::milliseconds k_first{10}, k_longest{1000};
    if (deaths <= 1) return std::chrono::milliseconds(0);
    return deaths > 8 ? k_longest : std::min(k_longest, k_first * (1 << (deaths - 2)));
}

std::string describe_end(int pid, int code, int status) {
    std::string text = "the worker process " + std::to_string(pid);
    if (code == CLD_EXITED) return text + " exited with status " + std::to_string(status);
    text += " was killed by signal " + std::to_string(status);
    if (const char* name = sigdescr_np(status)) text.append(" (").append(name).append(")");
    return text;
}

} // namespace

void process_pool::manage() noexcept {
    pthread_setname_np(pthread_self(), "weft-procs");
    std::vector<std::shared_ptr<bell_listener>> listeners;
    for (;;) {
        epoll_event events[16];
        const int n = epoll_wait(poller_.get(), events, std::size(events), wait_limit());
        bool reports = false;
        for (const epoll_event& e : std::span(events, static_cast<std::size_t>(std::max(n, 0)))) {
            if (e.data.u64 == k_server) {
                reports = true;
            } else if (e.data.u64 == k_wake) {
                std::uint64_t count = 0;
                static_cast<void>(!read(wake_.get(), &count, sizeof count));
                collect_mail(); // that was left to it
            } else if (process_worker* w = find(e.data.u64)) {
                receive_answers(*w, false);
            }
        }
        if (reports) receive_reports();      // last: it erases workers
        std::unique_ptr<server_handle> done; // reaped without the mutex
        const std::lock_guard guard(mutex_);
        if (n == 0) dispatch(); // the pause is over
        close_if_done();
        if (!closing_ || !workers_.empty()) continue;
        done = std::move(server_);
        listeners.swap(listeners_);
        break;
    }
    for (const auto& l : listeners) l->stop();
    ended_.set_value();
}

// Until a worker may be started for calls that wait.
int process_pool::wait_limit() {
    const std::lock_guard guard(mutex_);
    if (queue_.empty() || !workers_.empty()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(start_at_ - time::now()).count();
    return static_cast<int>(std::clamp<long>(left, 1, 1000));
}

process_worker* process_pool::find(std::uint64_t number) noexcept {
    const std::lock_guard guard(mutex_); // others may add to the vector
    for (const auto& w : workers_)
        if (w->number == number) return w.get();
    return nullptr;
}

// ---- answers ------------------------------------------------------------------------------------------------------------

void process_pool::receive_answers(process_worker& w, bool all) noexcept {
    for (;;) {
        received m = receive_message(w.socket.get(), buffer_, false);
        if (m.size == -EAGAIN) return;
        // It died with calls unread: told once, and before the answers that it had sent.
        if (m.size == -ECONNRESET) continue;
        if (m.size < static_cast<std::ptrdiff_t>(sizeof(answer_message))) {
            // It has closed its end, so it is dying: the fork server will tell.
            epoll_ctl(poller_.get(), EPOLL_CTL_DEL, w.socket.get(), nullptr);
            return;
        }
        if (!take_answer(w, m) && !all) return;
    }
}

// False: it has no further call, so there is nothing to read but what epoll will tell.
bool process_pool::take_answer(process_worker& w, received& raw) noexcept {
    answer_message m;
    std::memcpy(&m, buffer_.data(), sizeof m);
    if (m.kind == answer_kind::ready) return true;
    if (m.kind == answer_kind::initializer_failed) {
        initializer_failed(m);
        return true;
    }
    process_call* call = nullptr;
    bool is_busy = false;
    {
        const std::lock_guard guard(mutex_);
        is_busy = w.in_pipeline() > 1; // before more is offered: that is not answered yet
        call = note_answer(w, m.id);
    }
    if (call != nullptr) complete(*call, m, buffer_.data() + sizeof m, std::move(raw.fds[0]));
    return is_busy;
}

void process_pool::initializer_failed(const answer_message& m) noexcept {
    thrown_text t;
    try {
        in_buffer in(buffer_.data() + sizeof m, m.size);
        unpacker from(in);
        from(t);
    } catch (...) {} // the text is lost, not the fact
    ended_calls lost;
    const std::lock_guard guard(mutex_);
    break_pool(
        std::make_exception_ptr(broken_executor("weft: the initializer of the process pool threw " +
                                                t.type_name + ": " + t.what)),
        lost);
}

// ---- deaths -------------------------------------------------------------------------------------------------------------

void process_pool::receive_reports() noexcept {
    server_handle* server = nullptr;
    {
        const std::lock_guard guard(mutex_);
        server = server_.get();
    }
    bool ended = false;
    while (const auto report = server->next_report(ended)) {
        process_worker* w = find(report->worker);
        switch (report->what) {
        case server_report::kind::died:
            if (w != nullptr) worker_ended(*w, report->pid, report->code, report->status);
            break;
        case server_report::kind::failed:
            if (w != nullptr) worker_ended(*w, 0, 0, report->code);
            break;
        case server_report::kind::refused: {
            ended_calls lost;
            const std::lock_guard guard(mutex_);
            break_pool(std::make_exception_ptr(broken_executor(
                           "weft: a library of the program was replaced since it started: worker "
                           "processes would not run the same code")),
                       lost);
            break;
        }
        }
    }
    if (ended) server_ended();
}

// `code` 0: it could not be started, status is an errno.
void process_pool::worker_ended(process_worker& w, int pid, int code, int status) noexcept {
    receive_answers(w, true); // what it had said before
    take_mail([&w](mail& m) { return w.take_mail(m) ? &w : nullptr; });
    ended_calls victims, lost;
    const std::string how = code == 0
                                ? "a worker process can't be started: " +
                                      std::error_code(status, std::generic_category()).message()
                                : describe_end(pid, code, status);
    const bool killed = code != CLD_EXITED;
    victims.error = std::make_exception_ptr(worker_died(
        "weft: " + how + " while it ran the call", pid, killed ? status : 0, killed ? -1 : status));
    const std::lock_guard guard(mutex_);
    while (process_call* call = w.last()) { // the newest first, so the queue keeps its order
        const bool began = w.has_begun(*call);
        w.remove(*call);
        if (began)
            victims.calls.push_back(*call);
        else
            enqueue_first(*call);
    }
    note_death(w, !victims.calls.empty(), how, lost);
    std::erase_if(workers_, [&w](const auto& each) { return each.get() == &w; });
    dispatch();
    close_if_done();
}

void process_pool::note_death(process_worker& w, bool began_a_call, const std::string& how,
                              ended_calls& lost) noexcept {
    if (w.leaving) return; // it was told to, or killed
    ++deaths_;
    start_at_ = time::now() + pause_after(deaths_);
    if (began_a_call || w.has_served) {
        useless_deaths_ = 0;
    } else if (++useless_deaths_ >= k_most_useless_deaths) {
        break_pool(
            std::make_exception_ptr(broken_executor(
                "weft: " + std::to_string(useless_deaths_) +
                " worker processes in a row ended before their first call; the last: " + how)),
            lost);
    }
}

// Its workers end with it.
void process_pool::server_ended() noexcept {
    std::vector<process_worker*> all;
    std::unique_ptr<server_handle> gone;
    {
        const std::lock_guard guard(mutex_);
        gone = std::move(server_); // before its workers: they must not be replaced by it
        for (const auto& w : workers_) all.push_back(w.get());
    }
    for (process_worker* w : all) worker_ended(*w, w->pid(), CLD_KILLED, SIGKILL);
}

void process_pool::break_pool(std::exception_ptr why, ended_calls& lost) noexcept {
    if (!broken_) broken_ = why;
    lost.error = broken_;
    while (process_call* c = queue_.pop_front()) {
        c->queued = false;
        lost.calls.push_back(*c);
    }
    for (const auto& w : workers_)
        while (process_call* c = w->last()) {
            if (!w->take_back(*c)) break;
            lost.calls.push_back(*c);
        }
}

} // namespace weft::detail
