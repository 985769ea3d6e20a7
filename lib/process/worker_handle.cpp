// SPDX-License-Identifier: Apache-2.0
#include "process/worker_handle.hpp"

#include <sys/mman.h>
#include <sys/socket.h>

#include <bit>
#include <cerrno>
#include <new>
#include <system_error>

#include "base/assert.hpp"
#include "process/server_handle.hpp"

namespace weft::detail {

process_worker::process_worker(std::uint64_t n, const worker_setup& setup, unique_fd& its_socket,
                               unique_fd& its_page)
    : number(n) {
    std::tie(socket, its_socket) = socket_pair();
    its_page = unique_fd(memfd_create("weft-worker", MFD_CLOEXEC));
    void* at = MAP_FAILED;
    if (its_page && ftruncate(its_page.get(), sizeof(worker_page)) == 0)
        at = mmap(nullptr, sizeof(worker_page), PROT_READ | PROT_WRITE, MAP_SHARED, its_page.get(),
                  0);
    if (at == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(),
                                "weft: can't share memory with a worker process");
    page_ = ::new (at) worker_page;
    page_->initializer = setup.initializer;
    for (const worker_limit& l : setup.limits) page_->limits[page_->limit_count++] = l;
}

process_worker::~process_worker() { munmap(page_, sizeof(worker_page)); }

unsigned process_worker::free_slot() const noexcept {
    return static_cast<unsigned>(std::countr_one(used_slots_));
}

bool process_worker::offer(process_call& call, std::uint64_t id) {
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
    calls.remove(call);
    call.worker = nullptr;
    used_slots_ &= ~(1U << call.slot);
    --in_pipeline_;
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
