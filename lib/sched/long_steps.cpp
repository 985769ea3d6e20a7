// SPDX-License-Identifier: Apache-2.0
#include "sched/long_steps.hpp"

#include <mutex>

namespace weft::detail {

bool long_steps::begin(fiber& f) noexcept {
    const std::lock_guard guard(lock_);
    if (running_ < most_) {
        ++running_;
        return true;
    }
    waiting_.push(f);
    return false;
}

fiber* long_steps::next() noexcept {
    const std::lock_guard guard(lock_);
    stands_since_ = 0;
    // Those that were let run on top of `most` go first.
    fiber* f = running_ <= most_ ? take_first() : nullptr;
    if (f == nullptr) --running_;
    return f;
}

fiber* long_steps::overdue(deadline_ns now, deadline_ns patience) noexcept {
    const std::lock_guard guard(lock_);
    if (waiting_.empty()) return nullptr;
    if (stands_since_ == 0) stands_since_ = now;
    if (now - stands_since_ < patience) return nullptr;
    ++running_;
    return take_first();
}

fiber* long_steps::take_first() noexcept {
    fiber* first = nullptr;
    waiting_.take(1, [&first](fiber* f) { first = f; });
    stands_since_ = 0;
    return first;
}

} // namespace weft::detail
