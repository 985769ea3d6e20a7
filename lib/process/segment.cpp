// SPDX-License-Identifier: Apache-2.0
#include "process/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>

#include <weft/base/config.hpp>

#if WEFT_ASAN
#    include <sanitizer/asan_interface.h>
#endif

namespace weft::detail {
namespace {

constexpr std::size_t k_smallest_segment = 256 * 1024;

[[noreturn]] void fail(const char* what, std::size_t bytes) {
    throw std::system_error(errno, std::generic_category(),
                            std::string("weft: can't ") + what + " " + std::to_string(bytes) +
                                " bytes for a call in another process");
}

// The stack of a thread that ended may have lain there, and have left its marks.
void forget_old_marks([[maybe_unused]] void* at, [[maybe_unused]] std::size_t size) noexcept {
#if WEFT_ASAN
    __asan_unpoison_memory_region(at, size);
#endif
}

std::size_t rounded(std::size_t n) noexcept {
    constexpr std::size_t k_page = 4096;
    return (std::max(n, k_smallest_segment) + k_page - 1) / k_page * k_page;
}

} // namespace

segment::segment(std::size_t capacity)
    : fd_(memfd_create("weft-call", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    const std::size_t size = rounded(capacity);
    if (!fd_ || ftruncate(fd_.get(), static_cast<off_t>(size)) != 0 ||
        fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0)
        fail("share", size);
    map(size);
}

segment::segment(unique_fd fd, std::size_t capacity) : fd_(std::move(fd)) {
    check_size(capacity);
    map(capacity);
}

segment::~segment() {
    if (data_ != nullptr) munmap(data_, capacity_);
}

void segment::map(std::size_t capacity) {
    void* at = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (at == MAP_FAILED) fail("map", capacity);
    forget_old_marks(at, capacity);
    data_ = static_cast<std::byte*>(at);
    capacity_ = capacity;
}

// What the other side says is believed only as far as the kernel confirms it: beyond the end lies SIGBUS.
void segment::check_size(std::size_t capacity) const {
    struct stat status {};
    const int seals = fcntl(fd_.get(), F_GET_SEALS);
    if (fstat(fd_.get(), &status) != 0 || static_cast<std::size_t>(status.st_size) < capacity ||
        capacity == 0 || seals < 0 || (seals & F_SEAL_SHRINK) == 0)
        throw std::invalid_argument("weft: a process sent memory that is not what it says");
}

void segment::grow(std::size_t capacity) {
    const std::size_t size = rounded(capacity);
    if (size <= capacity_) return;
    if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) fail("share", size);
    follow(size);
}

void segment::follow(std::size_t capacity) {
    if (capacity <= capacity_) return;
    check_size(capacity);
    void* at = mremap(data_, capacity_, capacity, MREMAP_MAYMOVE);
    if (at == MAP_FAILED) fail("map", capacity);
    forget_old_marks(at, capacity);
    data_ = static_cast<std::byte*>(at);
    capacity_ = capacity;
}

segment_ptr segment_pool::take(std::size_t capacity) {
    segment_ptr s;
    std::uint64_t id = 0;
    {
        const std::lock_guard guard(mutex_);
        id = ++last_id_;
        // The latest is the warmest; one that is large enough costs no new pages.
        auto fits = [&](const segment_ptr& f) { return f->capacity() >= capacity; };
        auto best = std::find_if(free_.rbegin(), free_.rend(), fits);
        if (best == free_.rend() && free_.size() == k_most_kept) best = free_.rbegin();
        if (best != free_.rend()) {
            s = std::move(*best);
            free_.erase(std::next(best).base());
        }
    }
    if (!s) {
        s = std::make_unique<segment>(capacity);
        s->id = id;
    }
    s->grow(capacity);
    return s;
}

void segment_pool::give(segment_ptr s) noexcept {
    if (s->capacity() > k_largest_kept_segment) return;
    const std::lock_guard guard(mutex_);
    if (s->id == 0) s->id = ++last_id_; // a worker made it
    if (free_.size() < k_most_kept) free_.push_back(std::move(s));
}

void payload::clear() noexcept {
    if (segment_) source_.give(std::move(segment_));
    heap_.reset();
    data_ = small_;
    capacity_ = sizeof small_;
    size_ = 0;
}

segment_ptr payload::release_segment() noexcept {
    segment_ptr s = std::move(segment_);
    clear();
    return s;
}

void payload::adopt_segment(segment_ptr s, std::size_t size) noexcept {
    segment_ = std::move(s);
    data_ = segment_->data();
    capacity_ = segment_->capacity();
    size_ = size;
}

void payload::make_room(std::size_t n) {
    const std::size_t need = size_ + n;
    if (need < n) throw std::length_error("weft: a payload beyond the address space");
    if (segment_) {
        segment_->grow(std::max(need, 2 * capacity_));
        data_ = segment_->data();
        capacity_ = segment_->capacity();
    } else if (need <= k_inline_bytes) {
        const std::size_t more = std::min(std::max(need, 4 * capacity_), k_inline_bytes);
        auto larger = std::make_unique_for_overwrite<std::byte[]>(more);
        std::memcpy(larger.get(), data_, size_);
        heap_ = std::move(larger);
        data_ = heap_.get();
        capacity_ = more;
    } else {
        segment_ptr s = source_.take(need);
        std::memcpy(s->data(), data_, size_);
        heap_.reset();
        adopt_segment(std::move(s), size_);
    }
}

} // namespace weft::detail
