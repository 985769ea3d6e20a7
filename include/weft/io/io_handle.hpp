// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace weft::detail {

class descriptor;

/// Owns an open descriptor through which tasks wait; moves as a unique_ptr. Descriptors: lib/io/README.md.
class io_handle {
public:
    io_handle() noexcept = default;
    /// Takes over a non-blocking fd; closes it if this throws std::bad_alloc.
    explicit io_handle(int fd);
    io_handle(io_handle&& o) noexcept : descriptor_(std::exchange(o.descriptor_, nullptr)) {}
    io_handle& operator=(io_handle&& o) noexcept {
        std::swap(descriptor_, o.descriptor_);
        return *this;
    }
    ~io_handle() {
        if (descriptor_ != nullptr) drop();
    }

    explicit operator bool() const noexcept { return descriptor_ != nullptr; }
    [[nodiscard]] descriptor* get() const noexcept { return descriptor_; }
    /// The descriptor's number; -1 if there is none or it was closed.
    [[nodiscard]] int fd() const noexcept;
    /// Ends every wait on it; the fd is closed once nobody uses it. Any thread, any number of times.
    void close() const noexcept;

private:
    void drop() noexcept;
    descriptor* descriptor_ = nullptr;
};

} // namespace weft::detail
