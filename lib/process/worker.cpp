// SPDX-License-Identifier: Apache-2.0
#include "process/worker.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <weft/executor/executor.hpp>

#include "base/futex.hpp"
#include "base/keep_memory.hpp"
#include "process/segment.hpp"
#include "process/thrown.hpp"
#include "process/wire.hpp"

namespace weft::detail {
namespace {

/// Where results get a segment: the one of the call, which the arguments have left by then, or a new one.
class call_segments final : public segment_source {
public:
    segment* of_call = nullptr; // kept by recent_segments
    bool lent = false;

    segment_ptr take(std::size_t capacity) override {
        if (of_call == nullptr) return std::make_unique<segment>(capacity);
        of_call->grow(capacity);
        lent = true;
        return segment_ptr(of_call);
    }
    void give(segment_ptr s) noexcept override {
        if (s.get() == of_call) static_cast<void>(s.release());
        lent = false;
    }
};

class call_runner {
public:
    call_runner(int socket, worker_page& page) noexcept : socket_(socket), page_(page) {}

    bool prepare();
    void serve();

private:
    void take_call(received& message);
    segment* segment_of(const call_message& call, received& message);
    void run(const call_message& call, const std::byte* arguments);
    void answer(std::uint64_t id, answer_kind kind);
    bool deliver(const answer_message& m, bool fits);
    void tell(const thrown_text& thrown) {
        result_.clear();
        packer to(result_);
        to(thrown);
    }

    const int socket_;
    unique_fd bell_;
    worker_page& page_;
    call_segments segments_;
    payload result_{segments_};
    recent_segments<segment_ptr> recent_;
    segment_ptr once_; // too large to be kept
    std::byte buffer_[sizeof(call_message) + k_inline_bytes];
};

// False: the pool can't use workers like this.
bool call_runner::prepare() {
    page_.pid.store(getpid(), std::memory_order_relaxed); // the first answer comes after it
    bell_ = std::move(receive_message(socket_, buffer_, true).fds[0]);
    thrown_text thrown;
    const bool failed = describes_throw_of(
        [this] {
            for (unsigned i = 0; i < page_.limit_count; ++i) {
                const worker_limit& l = page_.limits[i];
                const rlimit both{l.value, l.value};
                if (setrlimit(static_cast<__rlimit_resource>(l.resource), &both) != 0)
                    throw std::system_error(errno, std::generic_category(),
                                            "weft: a limit of the process pool can't be set");
            }
            if (const void* f = address_of(page_.initializer))
                reinterpret_cast<void (*)()>(const_cast<void*>(f))();
        },
        thrown);
    if (failed) tell(thrown);
    answer(0, failed ? answer_kind::initializer_failed : answer_kind::ready);
    return !failed;
}

void call_runner::serve() {
    for (;;) {
        received message = receive_message(socket_, buffer_, true);
        if (message.size < static_cast<std::ptrdiff_t>(sizeof(call_message))) return; // closed
        take_call(message);
    }
}

void call_runner::take_call(received& message) {
    call_message call;
    std::memcpy(&call, buffer_, sizeof call);
    segment* const lies_in = segment_of(call, message);
    call_slot& slot = page_.slots[call.slot];
    if (!slot.move(call.id, slot_state::offered, slot_state::taken)) return; // withdrawn
    segments_.of_call = lies_in;
    run(call, lies_in != nullptr ? lies_in->data() : buffer_ + sizeof call);
    segments_.of_call = nullptr;
    once_.reset();
}

segment* call_runner::segment_of(const call_message& call, received& message) {
    if (call.segment == 0) return nullptr;
    segment* s = nullptr;
    if (segment_ptr* known = recent_.find(call.segment)) {
        s = known->get();
        s->follow(call.capacity);
    } else {
        auto fresh = std::make_unique<segment>(std::move(message.fds[0]), call.capacity);
        s = fresh.get();
        if (call.capacity > k_largest_kept_segment)
            once_ = std::move(fresh);
        else
            recent_.add(call.segment, std::move(fresh));
    }
    return s;
}

void call_runner::run(const call_message& call, const std::byte* arguments) {
    thrown_text thrown;
    const bool failed = describes_throw_of(
        [&] {
            in_buffer in(arguments, call.size);
            const auto entry = reinterpret_cast<call_entry>(
                const_cast<void*>(address_of(call.entry))); // NOLINT: it was one
            entry(address_of(call.target), in, result_);
        },
        thrown);
    if (failed) tell(thrown);
    std::cout.flush();
    std::fflush(nullptr); // what it printed comes before its result
    if (!page_.slots[call.slot].move(call.id, slot_state::taken, slot_state::finished))
        for (;;) pause(); // condemned: nothing may follow
    answer(call.id, failed ? answer_kind::error : answer_kind::value);
}

void call_runner::answer(std::uint64_t id, answer_kind kind) {
    answer_message m;
    m.id = id;
    m.kind = kind;
    m.size = result_.size();
    iovec parts[2]{{&m, sizeof m}, {}};
    int fd = -1;
    bool with_fd = false;
    if (const segment* s = result_.shared()) {
        m.in_segment = true;
        m.capacity = s->capacity();
        with_fd = !segments_.lent;
        fd = s->fd();
    } else {
        parts[1] = {const_cast<std::byte*>(result_.data()), result_.size()}; // only read
    }
    const std::span<const iovec> sent(parts, m.in_segment ? 1 : 2);
    const bool fits = !with_fd && (m.in_segment || m.size <= k_mail_bytes);
    // An error: the program has gone, which ends this process as well.
    if (id == 0 || !deliver(m, fits))
        static_cast<void>(
            send_message(socket_, sent, std::span<const int>(&fd, with_fd ? 1 : 0), true));
    result_.clear();
}

// By mail. False: it must go by the socket.
bool call_runner::deliver(const answer_message& m, bool fits) {
    mailbox& box = page_.box;
    const auto write_mail = [&] {
        page_.in_box.answer = m;
        if (!m.in_segment) std::memcpy(page_.in_box.result, result_.data(), m.size);
    };
    const mailbox_state wanted = fits ? box.deliver(write_mail) : box.leave_to_manager();
    switch (wanted) {
    case mailbox_state::by_thread: shared_futex_wake(box.futex_word(), 1); return fits;
    case mailbox_state::by_runtime:
        if (fits) {
            const std::uint64_t one = 1;
            static_cast<void>(!write(bell_.get(), &one, sizeof one));
        }
        return fits;
    case mailbox_state::open:
        // Who made the call may be about to wait for it, if only this process had not taken its core.
        if (fits) sched_yield();
        return fits && !box.take();
    default: return false;
    }
}

} // namespace

void die_with(int parent) noexcept {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0); // it went before that
}

int worker_main(int socket, int page) noexcept {
    prctl(PR_SET_NAME, "weft-worker");
    keep_freed_memory(); // the same large arguments and results come again
    void* shared = mmap(nullptr, sizeof(worker_page), PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    close(page);
    if (shared == MAP_FAILED) _exit(127);
    // The buffers are too large for a stack that a limit may bound; never freed: the process ends with them.
    auto* w = new call_runner(socket, *static_cast<worker_page*>(shared));
    if (w->prepare()) w->serve();
    std::cout.flush();
    std::fflush(nullptr);
    // Not exit: destructors of statics belong to the program, and a leak checker would look at what dies here anyway.
    _exit(0);
}

} // namespace weft::detail
