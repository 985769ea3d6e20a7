// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string_view>

#include <weft/sync/event.hpp>

#include "io/byte_buffer.hpp"
#include "io/transport.hpp"

namespace weft::detail {

/// What a stream_writer's handles share. Protocol: README.md, "Streams".
///
/// | field               | guarded by                                                                         |
/// |---------------------|------------------------------------------------------------------------------------|
/// | sending_            | whoever set flushing_; filled and counted under lock_                              |
/// | all the rest        | lock_, which is never held over a wait                                             |
/// | drainable_, closed_ | set under lock_ with what they tell of; cleared by a waiter, under lock_           |
class writer_core : public std::enable_shared_from_this<writer_core> {
public:
    explicit writer_core(std::shared_ptr<transport> to) noexcept : to_(std::move(to)) {}
    writer_core(const writer_core&) = delete;
    writer_core& operator=(const writer_core&) = delete;

    void write(std::string_view data);
    void drain();
    void write_eof();
    void close() noexcept;
    void abort() noexcept;
    void wait_closed();
    [[nodiscard]] bool is_closing() noexcept;
    void set_limits(std::size_t high, std::size_t low);
    [[nodiscard]] std::size_t buffered() noexcept;
    [[nodiscard]] const transport& below() const noexcept { return *to_; }

private:
    class background;
    void flush_in_background() noexcept;
    void give_up() noexcept;
    void flush();
    bool take_next();
    void sent(ssize_t n);
    void stop_flushing() noexcept;
    void look_around();

    // Under lock_
    void check(const char* what) const;
    std::string_view send_now(std::string_view data);
    void fail(ssize_t minus_error) noexcept;
    void finish() noexcept;

    const std::shared_ptr<transport> to_;
    std::mutex lock_;
    byte_buffer pending_, sending_;
    std::size_t buffered_ = 0; // in both
    std::size_t high_ = 65536, low_ = 16384;
    unsigned drains_ = 0;
    int error_ = 0;
    bool flushing_ = false; // somebody sends what is buffered, in order
    bool ends_ = false;     // write_eof
    bool closing_ = false, is_closed_ = false;
    event drainable_; // at most the low mark, or nobody flushes, or no use in waiting
    event closed_;    // closed, or closing and nobody flushes
};

} // namespace weft::detail
