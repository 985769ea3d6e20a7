// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "support/runtimes.hpp"

namespace weft::testing {

/// What was noted, in order, with spaces in between.
class notes {
public:
    void operator()(const std::string& what) { text_ += text_.empty() ? what : " " + what; }
    [[nodiscard]] auto of(std::string what) {
        return [this, what = std::move(what)] { (*this)(what); };
    }
    [[nodiscard]] std::string take() { return std::exchange(text_, {}); }

private:
    std::string text_;
};

/// An event_loop on virtual time.
struct timeless_loop : event_loop {
    timeless_loop() : event_loop({}, detail::testing_options{.virtual_time = true}) {}
};

/// Runs until all that is ready by now, and what that schedules for `turns` more turns, has run.
inline void run_turns(event_loop& l, int turns = 1) {
    for (int i = 0; i < turns; ++i) {
        l.stop();
        l.run_forever();
    }
}

} // namespace weft::testing
