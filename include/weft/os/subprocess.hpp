// SPDX-License-Identifier: Apache-2.0
// Other programs as children: asyncio's subprocesses.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weft/io/stream_reader.hpp>
#include <weft/io/stream_writer.hpp>

namespace weft {

/// What one of a child's standard descriptors is.
class stdio {
public:
    static const stdio inherit; ///< this process's
    static const stdio pipe;    ///< a stream of the process object
    static const stdio devnull; ///< /dev/null
    static const stdio out;     ///< for err alone: where the child's standard output goes
    /// An open descriptor of this process, which keeps it.
    static constexpr stdio fd(int number) noexcept { return {kind::descriptor, number}; }

    enum class kind : unsigned char { inherit, pipe, devnull, out, descriptor };
    [[nodiscard]] constexpr kind what() const noexcept { return kind_; }
    [[nodiscard]] constexpr int number() const noexcept { return number_; }
    friend constexpr bool operator==(const stdio&, const stdio&) noexcept = default;

private:
    constexpr stdio(kind k, int number) noexcept : kind_(k), number_(number) {}
    kind kind_;
    int number_;
};
inline constexpr stdio stdio::inherit{kind::inherit, -1};
inline constexpr stdio stdio::pipe{kind::pipe, -1};
inline constexpr stdio stdio::devnull{kind::devnull, -1};
inline constexpr stdio stdio::out{kind::out, -1};

struct subprocess_options {
    stdio in = stdio::inherit;
    stdio out = stdio::inherit;
    stdio err = stdio::inherit;
    std::string cwd = {}; ///< where it runs; empty: here
    std::optional<std::vector<std::string>> env =
        std::nullopt;          ///< all of its environment, "NAME=value" each; empty: this process's
    std::size_t limit = 65536; ///< of a line that its streams give, in bytes
    std::vector<int> pass_fds =
        {};                   ///< further descriptors that it shall have, under the same numbers
    bool new_session = false; ///< setsid: no signals from this terminal
    bool kill_on_drop = true; ///< false: it goes on when the process object goes
};

/// What a child wrote.
struct process_output {
    std::string out, err;
};

namespace detail {
class child;
}

/// A child process. Movable; its end kills the child if it runs still, and waits until it has ended, so that no zombie is left
/// (this may suspend, and is no cancel point; at most 10 s, should the kernel not let it die).
///
/// Thread safety: any member but the streams' from any task or thread, several waits at once, too.
///
///     auto p = weft::create_subprocess_exec({"sort", "-n"}, {.in = weft::stdio::pipe, .out = weft::stdio::pipe});
///     auto [sorted, nothing] = p.communicate("3\n1\n2\n");
class [[nodiscard]] process {
public:
    process() noexcept = default;
    process(process&&) noexcept = default;
    process& operator=(process&& other) noexcept {
        std::swap(child_, other.child_);
        return *this;
    }
    ~process();

    [[nodiscard]] pid_t pid() const;
    /// Its exit code, or minus the signal that ended it; nothing while it runs. 255 if somebody else took its status (a
    /// waitpid(-1) or an ignored SIGCHLD of the program's). Does not suspend.
    [[nodiscard]] std::optional<int> returncode() const;
    /// Suspends until it has ended; the same number. A cancel point, which does the child no harm. A child that writes to a pipe
    /// which nobody reads does not end: see communicate.
    int wait() const;

    /// Writes the input to its standard input and closes that, reads all that it writes to pipes, and waits for its end. A child
    /// that does not read its input is no error. Suspends; a cancel point: what was read until then is there for the next call.
    /// Throws std::logic_error for an input without a pipe to write it to.
    process_output communicate(const_buffer input = std::string_view()) const;

    /// Throws std::system_error (no_such_process) once its end is known here.
    void send_signal(int signal) const;
    void terminate() const { send_signal(SIGTERM); }
    void kill() const { send_signal(SIGKILL); }

    /// Its standard descriptors, where stdio::pipe was asked for (std::logic_error else). The child's input ends when the last
    /// handle of in(), the process object's own included, goes or is closed.
    [[nodiscard]] stream_writer in() const;
    [[nodiscard]] stream_reader out() const;
    [[nodiscard]] stream_reader err() const;
    [[nodiscard]] bool valid() const noexcept { return child_ != nullptr; }

    /// For the library's own parts.
    explicit process(std::shared_ptr<detail::child> c) noexcept : child_(std::move(c)) {}

private:
    [[nodiscard]] detail::child& child() const;
    std::shared_ptr<detail::child> child_;
};

/// Starts a program, found as the shell finds it, with its arguments; the first one is its name. The child has default signal
/// handlers, an empty signal mask, and no descriptors but the standard ones and pass_fds. Blocks some 0.5 ms (announced by
/// weft::blocking); no cancel point; also on plain threads. Throws std::system_error that names the program and why it does not
/// start: then nothing is left of it. std::invalid_argument for no program at all.
process create_subprocess_exec(const std::vector<std::string>& program,
                               const subprocess_options& options = {});
/// The same for a line of the shell, /bin/sh -c.
process create_subprocess_shell(const std::string& command, const subprocess_options& options = {});

} // namespace weft
