// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <weft/base/spin_lock.hpp>
#include <weft/base/unique_function.hpp>

namespace weft::detail {

class runtime_core;

/// To be called once a future is done.
struct done_call {
    unique_function<void()> function;
    std::uint64_t number; // to remove it by
};
using callback_list = std::vector<done_call>;

/// Callbacks of one future at several places among those who waited for it. Each place has its turn when the runtime comes to it;
/// they are called one at a time and in order, whoever's turn comes first.
class callback_line {
public:
    /// Before its turn.
    void add(callback_list callbacks);
    /// Once for each place.
    void turn() noexcept;

private:
    spin_lock lock_; // guards the rest
    std::deque<callback_list> places_;
    std::size_t turns_ = 0, called_ = 0;
    bool calling_ = false;
};

/// Calls each in order, on a fiber of the runtime, soon; what one throws is reported and the rest run. Without a runtime, or where
/// no stack can be had, here and now. With a line: at their place in it.
void run_soon(runtime_core* runtime, callback_list callbacks,
              std::shared_ptr<callback_line> line = nullptr) noexcept;

} // namespace weft::detail
