// SPDX-License-Identifier: Apache-2.0
#include "process/worker_handle.hpp"

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include "base/assert.hpp"
#include "base/futex.hpp"
#include "process/server_handle.hpp"

namespace weft::detail {

namespace {

std::shared_ptr<worker_page> shared_page(unique_fd& fd) {
    fd = unique_fd(memfd_create("weft-worker", MFD_CLOEXEC));
    void* at = MAP_FAILED;
    if (fd && ftruncate(fd.get(), sizeof(worker_page)) == 0)
        at = mmap(nullptr, sizeof(worker_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (at == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(),
                                "weft: can't share memory with a worker process");
    return {::new (at) worker_page, [](worker_page* p) { munmap(p, sizeof *p); }};
}

} // namespace

process_worker::process_worker(std::uint64_t n, const worker_setup& setup, int bell,
                               unique_fd& its_socket, unique_fd& its_page)
    : number(n),
      page_(shared_page(its_page)) {
    std::tie(socket, its_socket) = socket_pair();
    page_->initializer = setup.initializer;
    for (const worker_limit& l : setup.limits) page_->limits[page_->limit_count++] = l;
    char greeting = 0;
    const iovec part{&greeting, sizeof greeting};
    if (const int error = send_message(socket.get(), {&part, 1}, {&bell, 1}, false))
        throw std::system_error(error, std::generic_category(),
                                "weft: can't greet a worker process");
}

process_worker::~process_worker() {
    // It may have died with mail delivered and the thread that waits for it not yet woken.
    shared_futex_wake(page_->box.futex_word(), 1);
}

unsigned process_worker::free_slot() const noexcept {
    return static_cast<unsigned>(std::countr_one(used_slots_));
}

bool process_worker::offer(process_call& call, std::uint64_t id, mailbox_state wanted) {
    const auto& arguments = static_cast<const payload&>(*call.arguments);
    call_message m;
    m.id = id;
    m.slot = free_slot();
    m.entry = place_of(reinterpret_cast<const void*>(call.entry));
    if (call.target != nullptr) m.target = place_of(call.target);
    m.size = arguments.size();
    iovec parts[2]{{&m, sizeof m}, {}};
    const segment* s = arguments.shared();
    int fd = -1;
    bool with_fd = false;
    if (s != nullptr) {
        m.segment = s->id;
        m.capacity = s->capacity();
        with_fd = !recent_.has(s->id);
        fd = s->fd();
    } else {
        parts[1] = {const_cast<std::byte*>(arguments.data()), arguments.size()}; // only read
    }
    page_->slots[m.slot].offer(id);
    if (in_pipeline_ == 0) page_->box.open(wanted);
    if (send_message(socket.get(), {parts, s != nullptr ? 1U : 2U},
                     std::span<const int>(&fd, with_fd ? 1 : 0), false) != 0)
        return false;
    if (s != nullptr && recent_.find(s->id) == nullptr && s->capacity() <= k_largest_kept_segment)
        recent_.add(s->id, {});
    call.worker = this;
    call.id = id;
    call.slot = static_cast<unsigned>(m.slot);
    used_slots_ |= 1U << m.slot;
    ++in_pipeline_;
    ++sent;
    calls.push_back(call);
    return true;
}

void process_worker::remove(process_call& call) noexcept {
    WEFT_ASSERT(call.worker == this);
    leave_to_manager(); // who waits for its mail waits in vain
    calls.remove(call);
    call.worker = nullptr;
    used_slots_ &= ~(1U << call.slot);
    --in_pipeline_;
}

std::uint32_t process_worker::wait_for_mail() noexcept {
    return in_pipeline_ == 1 ? page_->box.wait() : 0;
}

bool process_worker::leave_to_manager() noexcept {
    const mailbox_state was = page_->box.leave_to_manager();
    if (was == mailbox_state::by_thread) shared_futex_wake(page_->box.futex_word(), 1);
    return was != mailbox_state::full;
}

bool process_worker::take_mail(mail& into) noexcept {
    if (!page_->box.take()) return false;
    answer_message& m = into.answer = page_->in_box.answer;
    if (!m.in_segment) {
        m.size = std::min(m.size, k_mail_bytes);
        std::memcpy(into.result, page_->in_box.result, m.size);
    }
    return true;
}

bool process_worker::take_back(process_call& call) noexcept {
    if (!page_->slots[call.slot].move(call.id, slot_state::offered, slot_state::withdrawn))
        return false;
    remove(call);
    --sent; // it was never its
    return true;
}

bool process_worker::condemn(process_call& call) noexcept {
    if (!page_->slots[call.slot].move(call.id, slot_state::taken, slot_state::condemned))
        return false;
    remove(call);
    leaving = killed = true;
    return true;
}

process_call* process_worker::finish(std::uint64_t id) noexcept {
    for (process_call* c = calls.front(); c != nullptr; c = calls.next(*c)) {
        if (c->id != id) continue;
        remove(*c);
        return c;
    }
    return nullptr;
}

process_call* process_worker::last() const noexcept {
    process_call* last = calls.front();
    for (process_call* c = last; c != nullptr; c = calls.next(*c)) last = c;
    return last;
}

void process_worker::close() noexcept {
    leaving = true;
    shutdown(socket.get(), SHUT_WR);
}

} // namespace weft::detail
