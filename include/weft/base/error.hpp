// SPDX-License-Identifier: Apache-2.0
// The exceptions of the core. Components add their own.
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace weft {

/// Thrown by a wait of a cancelled task. Deliberately no std::exception: `catch (const std::exception&)` must not
/// swallow a cancellation. Copyable; the message is shared by copies.
class cancelled_error {
public:
    cancelled_error() = default;
    explicit cancelled_error(std::string message) : message_(std::move(message)) {}
    /// The message given to cancel(), or "".
    [[nodiscard]] const char* what() const noexcept { return message_.c_str(); }

private:
    std::string message_;
};

/// weft::run after SIGINT.
class interrupted : public std::runtime_error {
public:
    interrupted() : std::runtime_error("weft: interrupted by SIGINT") {}
};

/// A limit given to wait_for, timeout, connect or a stream has passed.
class timeout_error : public std::runtime_error {
public:
    timeout_error() : std::runtime_error("weft: timed out") {}
    explicit timeout_error(const std::string& what) : std::runtime_error(what) {}
};

/// A future asked for what it does not have: not done, already set, moved out, empty handle.
class invalid_state : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// The promise went away without a value.
class broken_promise : public std::runtime_error {
public:
    broken_promise()
        : std::runtime_error("weft: broken promise: destroyed before a value was set") {}
};

/// spawn, create_task, call_soon, ... after shutdown or close.
class runtime_closed : public std::runtime_error {
public:
    runtime_closed() : std::runtime_error("weft: the runtime is shut down") {}
    explicit runtime_closed(const std::string& what) : std::runtime_error(what) {}
};

/// A wait that could never end: a task that awaits itself.
class would_deadlock : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// create_task of a group that is aborting or joined.
class group_closed : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// All failures of a task group's children, in the order they happened.
class task_errors : public std::exception {
public:
    task_errors(std::string what, std::vector<std::exception_ptr> errors)
        : what_(std::move(what)),
          errors_(std::move(errors)) {}
    [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
    [[nodiscard]] const std::vector<std::exception_ptr>& exceptions() const noexcept {
        return errors_;
    }

private:
    std::string what_;
    std::vector<std::exception_ptr> errors_;
};

/// A queue, or an executor that must not queue more, has no room.
class queue_full : public std::runtime_error {
public:
    queue_full() : std::runtime_error("weft: the queue is full") {}
    explicit queue_full(const std::string& what) : std::runtime_error(what) {}
};

/// A channel's end was closed.
class channel_closed : public std::runtime_error {
public:
    channel_closed() : std::runtime_error("weft: the channel is closed") {}
};

/// A greenlet or generator used elsewhere than on the plain thread, or in the task, that first ran it.
class wrong_thread : public std::logic_error {
public:
    wrong_thread()
        : std::logic_error("weft: a greenlet or generator belongs to the thread, or the task, that "
                           "first ran it; this is another one") {}
};

/// A switch to a greenlet whose body has ended.
class greenlet_finished : public std::logic_error {
public:
    greenlet_finished() : std::logic_error("weft: a switch to a greenlet that has finished") {}
    explicit greenlet_finished(const std::string& what) : std::logic_error(what) {}
};

/// Unwinds a greenlet or generator that is let go of. Deliberately no std::exception, as cancelled_error.
struct greenlet_exit {};

/// get_nowait of a queue that has nothing.
class queue_empty : public std::runtime_error {
public:
    queue_empty() : std::runtime_error("weft: the queue is empty") {}
};

/// put, or get with nothing left, after a queue's shutdown.
class queue_shut_down : public std::runtime_error {
public:
    queue_shut_down() : std::runtime_error("weft: the queue is shut down") {}
};

/// A barrier that was reset while the caller waited, or aborted and not reset since.
class broken_barrier : public std::runtime_error {
public:
    broken_barrier() : std::runtime_error("weft: the barrier is broken: reset or aborted") {}
};

/// A stream ended before all that was asked for had come.
class incomplete_read_error : public std::runtime_error {
public:
    /// `expected`: the bytes asked for; empty: a separator was.
    incomplete_read_error(const std::string& what, std::string partial,
                          std::optional<std::size_t> expected)
        : std::runtime_error(what),
          partial_(std::move(partial)),
          expected_(expected) {}
    /// What came; it is read herewith.
    [[nodiscard]] const std::string& partial() const noexcept { return partial_; }
    [[nodiscard]] std::optional<std::size_t> expected() const noexcept { return expected_; }

private:
    std::string partial_;
    std::optional<std::size_t> expected_;
};

/// A line, or what readuntil looks for, is longer than the stream's limit.
class limit_overrun_error : public std::runtime_error {
public:
    limit_overrun_error(const std::string& what, std::string partial)
        : std::runtime_error(what),
          partial_(std::move(partial)) {}
    /// What is there of it: dropped by readline, still to be read after readuntil.
    [[nodiscard]] const std::string& partial() const noexcept { return partial_; }
    /// How many bytes that is.
    [[nodiscard]] std::size_t consumed() const noexcept { return partial_.size(); }

private:
    std::string partial_;
};

/// What an exception is, for reports: the demangled type and, of a std::exception, its message.
std::string describe(const std::exception_ptr& error);

} // namespace weft
