// SPDX-License-Identifier: Apache-2.0
// A twin: a scenario that logs what happens, written once for weft and once, by the same name, for asyncio (tests/twins/*.py).
// `compare` runs both and compares the logs.
#pragma once

#include <chrono>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>

#include <weft/weft.hpp>

namespace twins {

/// Registers itself. It runs as the main task of a runtime with one worker, under virtual time: nothing depends on the machine.
/// What it starts has ended, or waits for ever, when the body ends.
struct twin {
    /// `rows`: of tests/semantics/rows.tsv, which it shows.
    twin(const char* name, const char* rows, void (*body)());

    const char* name;
    const char* rows;
    void (*body)();
};

/// Virtual time since the scenario's beginning.
long seconds();

/// Sleeps so many virtual seconds.
inline void sleep(int n) { weft::sleep_for(std::chrono::seconds(n)); }

/// A whole line of the log.
void say_line(std::string line);

/// One line of the log: the words, with blanks between.
template <class... Words>
void say(const Words&... words) {
    std::ostringstream line;
    line << std::boolalpha;
    const char* blank = "";
    ((line << blank << words, blank = " "), ...);
    say_line(line.str());
}

/// What the twins throw, and what it is called in the log.
struct error : std::runtime_error {
    using std::runtime_error::runtime_error;
};
std::string name_of(const std::exception_ptr& e);

/// Python's finally.
template <class F>
struct on_exit {
    explicit on_exit(F f) : function(f) {}
    ~on_exit() { function(); }
    on_exit(const on_exit&) = delete;
    on_exit& operator=(const on_exit&) = delete;
    F function;
};

/// Says how f ended: what it gave, or what it threw.
template <class F>
void attempt(std::string_view what, F f) {
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
            f();
            say(what, "is done");
        } else {
            say(what, "gives", f());
        }
    } catch (...) { say(what, "ends by", name_of(std::current_exception())); }
}

} // namespace twins
