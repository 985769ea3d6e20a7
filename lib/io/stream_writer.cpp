// SPDX-License-Identifier: Apache-2.0
#include <weft/io/stream_writer.hpp>

#include <cerrno>
#include <stdexcept>

#include <weft/sched/suspend.hpp>
#include <weft/task/task.hpp>

#include "io/throw_error.hpp"
#include "io/writer_core.hpp"
#include "task/runtime_core.hpp"

namespace weft {
namespace detail {
namespace {

constexpr unsigned k_drains_per_look = 16; // as many operations as a descriptor's

} // namespace

// ---- what users call --------------------------------------------------------------------------------

void writer_core::write(std::string_view data) {
    {
        const std::lock_guard guard(lock_);
        check("weft: write");
        if (ends_) throw std::logic_error("weft: write after write_eof");
        if (buffered_ == 0) data = send_now(data); // else it must wait its turn
        if (data.empty()) return;
        pending_.append(data);
        buffered_ += data.size();
        if (flushing_ || current_runtime_or_null() == nullptr) return;
        flushing_ = true;
    }
    flush_in_background();
}

void writer_core::drain() {
    look_around();
    std::unique_lock lock(lock_);
    check("weft: drain");
    if (buffered_ <= high_ && (flushing_ || buffered_ == 0)) return;
    while (buffered_ > low_ || (buffered_ != 0 && !flushing_)) {
        drainable_.clear();
        const bool mine = !std::exchange(flushing_, true);
        lock.unlock();
        mine ? flush() : drainable_.wait();
        lock.lock();
        check("weft: drain");
    }
}

void writer_core::write_eof() {
    const std::lock_guard guard(lock_);
    check("weft: write_eof");
    if (std::exchange(ends_, true) || flushing_ || buffered_ != 0)
        return; // whoever flushes ends it
    if (const int n = to_->shutdown_write(); n != 0) throw_io_error(n, "weft: write_eof");
}

void writer_core::close() noexcept {
    {
        const std::lock_guard guard(lock_);
        if (std::exchange(closing_, true)) return;
        to_->stop_receiving();
        drainable_.set();
        if (buffered_ == 0) return finish();
        if (flushing_) return;
        closed_.set(); // on a plain thread: wait_closed sends the rest
        if (current_runtime_or_null() == nullptr) return;
        flushing_ = true;
    }
    flush_in_background();
}

void writer_core::abort() noexcept {
    const std::lock_guard guard(lock_);
    closing_ = true;
    to_->stop_receiving();
    drainable_.set();
    pending_.drop();
    buffered_ = 0; // of sending_ its owner knows when he comes back
    finish();
}

void writer_core::wait_closed() {
    std::unique_lock lock(lock_);
    while (!is_closed_) {
        closed_.clear();
        const bool mine = closing_ && !std::exchange(flushing_, true);
        lock.unlock();
        mine ? flush() : closed_.wait();
        lock.lock();
    }
    if (error_ != 0) throw_io_error(error_, "weft: wait_closed");
}

bool writer_core::is_closing() noexcept {
    const std::lock_guard guard(lock_);
    return closing_;
}

void writer_core::set_limits(std::size_t high, std::size_t low) {
    if (low > high)
        throw std::invalid_argument("weft: set_write_buffer_limits: low " + std::to_string(low) +
                                    " is above high " + std::to_string(high));
    const std::lock_guard guard(lock_);
    high_ = high;
    low_ = low;
    if (buffered_ <= low_) drainable_.set();
}

std::size_t writer_core::buffered() noexcept {
    const std::lock_guard guard(lock_);
    return buffered_;
}

// A loop of writes to a peer that takes all must neither starve the others nor be deaf to cancel.
void writer_core::look_around() {
    operation_point();
    {
        const std::lock_guard guard(lock_);
        if (++drains_ % k_drains_per_look != 0) return;
    }
    throw_if_cancelled();
    if (others_wait()) yield_now();
}

// ---- under the lock ---------------------------------------------------------------------------------

void writer_core::check(const char* what) const {
    if (error_ != 0) throw_io_error(error_, what);
    if (closing_) throw_io_error(-ECANCELED, std::string(what) + ": the stream is closed");
}

// What is left of it.
std::string_view writer_core::send_now(std::string_view data) {
    while (!data.empty()) {
        const ssize_t n = to_->try_send(data.data(), data.size());
        if (n == -EAGAIN) break;
        if (n < 0) {
            fail(n);
            throw_io_error(n, "weft: write");
        }
        data.remove_prefix(static_cast<std::size_t>(n));
    }
    return data;
}

void writer_core::fail(ssize_t minus_error) noexcept {
    error_ = static_cast<int>(minus_error);
    pending_.drop();
    buffered_ = 0;
    drainable_.set();
    if (closing_) finish();
}

void writer_core::finish() noexcept {
    is_closed_ = true;
    to_->close();
    closed_.set();
}

// ---- by the one who flushes -------------------------------------------------------------------------

// Another bufferful to send; false: nothing is left, and the caller flushes no more.
bool writer_core::take_next() {
    const std::lock_guard guard(lock_);
    if (is_closed_ || error_ != 0)
        sending_.drop();
    else if (sending_.empty())
        std::swap(sending_, pending_);
    if (!sending_.empty()) return true;
    flushing_ = false;
    drainable_.set();
    if (is_closed_ || error_ != 0) return false;
    if (ends_)
        if (const int n = to_->shutdown_write(); n != 0) fail(n);
    if (closing_) finish();
    return false;
}

void writer_core::sent(ssize_t n) {
    const std::lock_guard guard(lock_);
    if (is_closed_) return;
    if (n < 0) return fail(n);
    sending_.consume(static_cast<std::size_t>(n));
    buffered_ -= static_cast<std::size_t>(n);
    if (buffered_ <= low_) drainable_.set();
}

// Cancelled: whoever waits takes over. A closed stream has nobody who does.
void writer_core::stop_flushing() noexcept {
    const std::lock_guard guard(lock_);
    flushing_ = false;
    drainable_.set();
    closed_.set();
}

void writer_core::flush() {
    try {
        while (take_next()) {
            const std::string_view next = sending_.view();
            sent(to_->send(next.data(), next.size()));
        }
    } catch (...) {
        stop_flushing();
        throw;
    }
}

// Nobody flushes any more, since the runtime ends or has no memory.
void writer_core::give_up() noexcept {
    stop_flushing();
    if (is_closing()) abort();
}

/// The closure of the task that flushes; gives up if it goes before it has begun.
class writer_core::background {
public:
    explicit background(std::shared_ptr<writer_core> c) noexcept : core_(std::move(c)) {}
    background(background&&) noexcept = default;
    ~background() {
        if (core_) core_->give_up();
    }
    void operator()() {
        const std::shared_ptr<writer_core> core = std::move(core_);
        try {
            core->flush();
        } catch (...) { // cancelled
            core->give_up();
            throw;
        }
    }

private:
    std::shared_ptr<writer_core> core_;
};

void writer_core::flush_in_background() noexcept {
    try {
        create_task({.name = "stream flush"}, background(shared_from_this()));
    } catch (...) {} // the closure has given up
}

} // namespace detail

stream_writer::stream_writer(const std::shared_ptr<detail::writer_core>& core)
    : core_(core.get(), [core](detail::writer_core* c) { c->close(); }) {}

detail::writer_core& stream_writer::core() const {
    if (!core_) throw std::logic_error("weft: an empty stream_writer");
    return *core_;
}

void stream_writer::write(const_buffer data) const {
    core().write({static_cast<const char*>(data.data), data.size});
}
void stream_writer::drain() const { core().drain(); }
void stream_writer::write_eof() const { core().write_eof(); }
void stream_writer::close() const noexcept {
    if (core_) core_->close();
}
void stream_writer::abort() const noexcept {
    if (core_) core_->abort();
}
bool stream_writer::is_closing() const noexcept { return !core_ || core_->is_closing(); }
void stream_writer::wait_closed() const { core().wait_closed(); }
void stream_writer::set_write_buffer_limits(std::size_t high, std::size_t low) const {
    core().set_limits(high, low);
}
std::size_t stream_writer::write_buffer_size() const { return core().buffered(); }
std::string stream_writer::local_name() const { return core().below().local_name(); }
std::string stream_writer::peer_name() const { return core().below().peer_name(); }
int stream_writer::native_handle() const { return core().below().native_handle(); }

} // namespace weft
