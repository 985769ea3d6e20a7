// SPDX-License-Identifier: Apache-2.0
// Debug mode, and what reports say of where something was made.
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>

#include "support/runtimes.hpp"
#include "task/runtime_core.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

/// A variable of the environment, as it was before at the end.
class variable {
public:
    explicit variable(const char* name) : name_(name) {
        if (const char* text = std::getenv(name)) before_ = text;
    }
    ~variable() { before_ ? set(before_->c_str()) : unset(); }
    variable(const variable&) = delete;
    variable& operator=(const variable&) = delete;
    void set(const char* value) const { setenv(name_, value, 1); }
    void unset() const { unsetenv(name_); }

private:
    const char* name_;
    std::optional<std::string> before_;
};

/// Was debug mode asked for? Its default of the slow task's limit tells; checked builds are in debug mode anyway.
bool debugs(const weft::runtime_options& o) {
    weft::runtime rt(o);
    return rt.core().options().slow_task_after == 25ms;
}

} // namespace

// Not in a nameless namespace, so that their names can be found from an address.
namespace weft::testing {
[[gnu::noinline]] weft::task<void> make_failing_task(int& calls) {
    auto t = weft::create_task([] { throw std::runtime_error("unseen"); });
    ++calls; // no tail call: the task is made by this function's code
    return t;
}
[[gnu::noinline]] void make_idle_coroutine(int& calls) {
    const weft::coroutine c([] { return 1; });
    ++calls;
}
} // namespace weft::testing

TEST_CASE("DBG-03: debug mode is on if the program or the environment says so; the program wins",
          "[task]") {
    const variable wanted("WEFT_DEBUG");
    wanted.unset();
    CHECK_FALSE(debugs({.workers = 1}));
    CHECK(debugs({.workers = 1, .debug = true}));
    wanted.set("1");
    CHECK(debugs({.workers = 1}));
    wanted.set("0");
    CHECK_FALSE(debugs({.workers = 1}));
    CHECK(debugs({.workers = 1, .debug = true}));
    wanted.set("yes");
    CHECK_THROWS_WITH(weft::runtime({.workers = 1}), Catch::Contains("WEFT_DEBUG=yes"));
}

TEST_CASE("DBG-04: a report of what nobody took says where that was made", "[task]") {
    leak_fixture nothing_leaks;
    std::mutex m;
    std::vector<std::string> reports;
    const auto handler = [&](const weft::exception_context& c) {
        const std::lock_guard guard(m);
        reports.push_back(c.message + " / " + weft::describe(c.exception) + " / " +
                          (c.file != nullptr ? c.file : "") + ":" + std::to_string(c.line));
    };
    weft::run({.workers = 1, .debug = true, .exception_handler = handler}, [] {
        int calls = 0;
        weft::wait(std::vector{make_failing_task(calls)});
        weft::wait(std::vector{weft::create_task({.name = "pot", .file = "kitchen.cpp", .line = 12},
                                                 [] { throw std::runtime_error("unseen"); })});
        make_idle_coroutine(calls);
    });
    REQUIRE(reports.size() == 3);
    CAPTURE(reports[0], reports[1], reports[2]);
    CHECK_THAT(reports[0], Catch::Contains("weft::testing::make_failing_task(int&) + 0x"));
    CHECK_THAT(reports[1], Catch::Contains("task 'pot', created at kitchen.cpp:12") &&
                               Catch::EndsWith("/ kitchen.cpp:12"));
    CHECK_THAT(reports[2], Catch::Contains("never awaited") &&
                               Catch::Contains("weft::testing::make_idle_coroutine(int&) + 0x"));
}
