// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace weft {

/// An exception of a call in another process, as text. what() is the exception's.
class remote_error : public std::runtime_error {
public:
    remote_error(const std::string& what, std::string type_name, std::string stack)
        : std::runtime_error(what),
          type_name_(std::move(type_name)),
          stack_(std::move(stack)) {}
    /// The type of the exception there, readable.
    [[nodiscard]] const std::string& type_name() const noexcept { return type_name_; }
    /// The calls that led to the throw there, a line each, the innermost first; empty where it is not known.
    [[nodiscard]] const std::string& stack() const noexcept { return stack_; }

private:
    std::string type_name_, stack_;
};

/// The worker process ended while it ran this call.
class worker_died : public std::runtime_error {
public:
    worker_died(const std::string& what, int pid, int signal, int exit_status)
        : std::runtime_error(what),
          pid_(pid),
          signal_(signal),
          exit_status_(exit_status) {}
    [[nodiscard]] int pid() const noexcept { return pid_; }
    /// The signal that killed it; 0: it exited.
    [[nodiscard]] int signal() const noexcept { return signal_; }
    /// What it exited with; -1: a signal killed it.
    [[nodiscard]] int exit_status() const noexcept { return exit_status_; }

private:
    int pid_, signal_, exit_status_;
};

} // namespace weft
