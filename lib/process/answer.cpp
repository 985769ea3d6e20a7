// SPDX-License-Identifier: Apache-2.0
// What an answer does, whoever received it.
#include <cstring>

#include "process/pool.hpp"
#include "process/thrown.hpp"

namespace weft::detail {

// Under the mutex. The call that it answers; null: that was withdrawn.
process_call* process_pool::note_answer(process_worker& w, std::uint64_t id) noexcept {
    process_call* call = w.finish(id);
    w.has_served = true;
    deaths_ = useless_deaths_ = 0;
    start_at_ = {};
    dispatch();
    offer_to_idle(w);
    retire_if_used_up(w);
    close_if_done();
    return call;
}

// Without the mutex.
void process_pool::complete(process_call& call, const answer_message& m, const std::byte* inlined,
                            unique_fd segment_fd) noexcept {
    try {
        auto& arguments = static_cast<payload&>(*call.arguments);
        segment_ptr shared;
        const std::byte* data = inlined;
        if (m.in_segment) {
            if (segment_fd) {
                shared = std::make_unique<segment>(std::move(segment_fd), m.capacity);
            } else {
                shared = arguments.release_segment();
                if (!shared) throw std::invalid_argument("there is no such memory");
                shared->follow(m.capacity);
            }
            if (m.size > shared->capacity()) throw std::invalid_argument("it is cut short");
            data = shared->data();
        }
        in_buffer in(data, m.size);
        if (m.kind == answer_kind::value) {
            call.succeed(in);
        } else {
            thrown_text t;
            unpacker from(in);
            from(t);
            call.fail(std::make_exception_ptr(remote_error(t.what, t.type_name, t.stack)));
        }
        arguments.clear();
        if (shared) segments.give(std::move(shared));
    } catch (const std::exception& e) {
        call.fail(std::make_exception_ptr(remote_error(
            std::string("weft: the answer of a worker process can't be read: ") + e.what(), "",
            "")));
    }
    call.release();
}

} // namespace weft::detail
