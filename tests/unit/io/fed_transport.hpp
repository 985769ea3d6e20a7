// SPDX-License-Identifier: Apache-2.0
// A transport whose other end is the test.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <weft/io/stream_reader.hpp>
#include <weft/io/stream_writer.hpp>

#include "io/reader_core.hpp"
#include "io/transport.hpp"
#include "io/writer_core.hpp"
#include "support/runtimes.hpp"

namespace weft::testing {

/// Gives what it is fed, piece by piece, and takes as much as it has room for.
class fed_transport final : public detail::transport {
public:
    // ---- the test's end
    void feed(std::string piece) {
        const std::lock_guard guard(lock_);
        if (!piece.empty()) pieces_.push_back(std::move(piece));
        changed_.notify_all();
    }
    void feed_eof() { end(0); }
    void end(int result) {
        const std::lock_guard guard(lock_);
        ends_with_ = result;
        changed_.notify_all();
    }
    void make_room(std::size_t n) {
        const std::lock_guard guard(lock_);
        room_ += n;
        changed_.notify_all();
    }
    void take_room() {
        const std::lock_guard guard(lock_);
        room_ = 0;
    }
    void break_down(int minus_error) {
        const std::lock_guard guard(lock_);
        broken_ = minus_error;
        changed_.notify_all();
    }
    std::string taken() {
        const std::lock_guard guard(lock_);
        return taken_;
    }
    bool was_shut_down() {
        const std::lock_guard guard(lock_);
        return shut_down_;
    }
    bool was_closed() {
        const std::lock_guard guard(lock_);
        return closed_;
    }
    int receives() {
        const std::lock_guard guard(lock_);
        return receives_;
    }
    /// Waits until a task waits in receive for the n-th time.
    void await_receives(int n) {
        std::unique_lock lock(lock_);
        changed_.wait(lock, [&] { return receives_ >= n; });
    }

    // ---- the stream's end
    ssize_t receive(void* to, std::size_t size) override {
        std::unique_lock lock(lock_);
        ++receives_;
        changed_.notify_all();
        changed_.wait(lock,
                      [this] { return stopped_ || !pieces_.empty() || ends_with_.has_value(); });
        if (stopped_) return -ECANCELED;
        if (pieces_.empty()) return *ends_with_;
        const std::size_t n = pieces_.front().copy(static_cast<char*>(to), size);
        pieces_.front().erase(0, n);
        if (pieces_.front().empty()) pieces_.pop_front();
        return static_cast<ssize_t>(n);
    }
    ssize_t send(const void* from, std::size_t size) override {
        std::unique_lock lock(lock_);
        changed_.wait(lock, [this] { return closed_ || broken_ != 0 || room_ > 0; });
        return take(from, size);
    }
    ssize_t try_send(const void* from, std::size_t size) noexcept override {
        const std::lock_guard guard(lock_);
        return !closed_ && broken_ == 0 && room_ == 0 ? -EAGAIN : take(from, size);
    }
    int shutdown_write() noexcept override {
        const std::lock_guard guard(lock_);
        shut_down_ = true;
        return 0;
    }
    void stop_receiving() noexcept override {
        const std::lock_guard guard(lock_);
        stopped_ = true;
        changed_.notify_all();
    }
    void close() noexcept override {
        const std::lock_guard guard(lock_);
        stopped_ = closed_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] int native_handle() const noexcept override { return -1; }

private:
    ssize_t take(const void* from, std::size_t size) {
        if (closed_) return -ECANCELED;
        if (broken_ != 0) return broken_;
        const std::size_t n = std::min(size, room_);
        room_ -= n;
        taken_.append(static_cast<const char*>(from), n);
        return static_cast<ssize_t>(n);
    }

    mutex lock_;
    condition_variable changed_;
    std::deque<std::string> pieces_;
    std::optional<int> ends_with_;
    std::string taken_;
    std::size_t room_ = 0;
    int broken_ = 0;
    int receives_ = 0;
    bool stopped_ = false, closed_ = false, shut_down_ = false;
};

/// A reader and a writer of one fed transport.
struct fed_stream {
    explicit fed_stream(std::size_t limit = 65536)
        : reader(std::make_shared<detail::reader_core>(below, limit)),
          writer(std::make_shared<detail::writer_core>(below)) {}
    /// With all of these pieces, and the end, at once.
    explicit fed_stream(std::initializer_list<const char*> pieces, std::size_t limit = 65536)
        : fed_stream(limit) {
        for (const char* p : pieces) below->feed(p);
        below->feed_eof();
    }
    std::shared_ptr<fed_transport> below = std::make_shared<fed_transport>();
    stream_reader reader;
    stream_writer writer;
};

} // namespace weft::testing
