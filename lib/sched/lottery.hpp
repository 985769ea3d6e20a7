// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <vector>

#include <weft/fiber/fiber.hpp>

#include "base/random.hpp"
#include "sched/deque.hpp"

namespace weft::detail {

/// Which of the ready fibers runs next, by a seed: for tests that look for orders nobody thought of. Of one worker that is
/// alone, so nobody takes anything meanwhile.
class lottery {
public:
    explicit lottery(std::uint64_t seed) noexcept : random_(seed) {}

    /// Puts the one that is drawn first. Each is as likely, but what is no task (callbacks) keeps its order among its like.
    void draw(basic_deque<fiber*>& queue) {
        ready_.clear();
        while (fiber* f = queue.take_own()) ready_.push_back(f);
        if (ready_.empty()) return;
        const auto count = static_cast<std::uint32_t>(ready_.size());
        auto next = ready_.begin() + (count == 1 ? 0 : random_.below(count));
        const auto is_callback = [](const fiber* f) { return !f->is_task; };
        if (is_callback(*next)) next = std::ranges::find_if(ready_, is_callback);
        queue.push(*next);
        ready_.erase(next);
        for (fiber* f : ready_) queue.push(f);
    }

private:
    random_source random_;
    std::vector<fiber*> ready_; // during a draw
};

} // namespace weft::detail
