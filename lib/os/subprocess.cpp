// SPDX-License-Identifier: Apache-2.0
#include <weft/os/subprocess.hpp>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <weft/compute/gather.hpp>
#include <weft/sched/blocking.hpp>
#include <weft/task/task.hpp>

#include "io/descriptor.hpp"
#include "io/reader_core.hpp"
#include "io/throw_error.hpp"
#include "io/transport.hpp"
#include "io/writer_core.hpp"
#include "os/child.hpp"
#include "task/runtime_core.hpp"

namespace weft {
namespace detail {
namespace {

constexpr std::chrono::seconds k_patience{10}; // with a child that SIGKILL does not end
constexpr int k_unknown_status = 255;          // as asyncio

std::shared_ptr<transport> pipe_of(unique_fd fd) {
    return std::make_shared<fd_transport>(io_handle(fd.release()), fd_transport::kind::pipe);
}
stream_reader reader_of(unique_fd fd, std::size_t limit) {
    if (!fd) return {};
    return stream_reader(std::make_shared<reader_core>(pipe_of(std::move(fd)), limit));
}
stream_writer writer_of(unique_fd fd) {
    if (!fd) return {};
    return stream_writer(std::make_shared<writer_core>(pipe_of(std::move(fd))));
}

// Noinline: asks for errno, and must not do so in a function that waits.
[[gnu::noinline]] std::optional<int> status_of(int pidfd) noexcept {
    siginfo_t info{};
    int n = 0;
    while ((n = waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info,
                       WEXITED | WNOHANG)) < 0 &&
           errno == EINTR) {}
    if (n < 0) return k_unknown_status;
    if (info.si_pid == 0) return std::nullopt;
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

/// Side by side also on a plain thread, where gather would call one after the other.
template <class F, class G, class H>
void side_by_side(F f, G g, H h) {
    if (current_fiber() != nullptr) {
        gather(f, g, h);
        return;
    }
    std::exception_ptr errors[2];
    const auto guarded = [](auto& call, std::exception_ptr& error) {
        return [&call, &error] {
            try {
                call();
            } catch (...) { error = std::current_exception(); }
        };
    };
    {
        const std::jthread first(guarded(f, errors[0])), second(guarded(g, errors[1]));
        h();
    }
    for (const auto& e : errors)
        if (e) std::rethrow_exception(e);
}

} // namespace

child::child(spawned&& s, const subprocess_options& options)
    : pid(s.pid),
      kill_on_drop(options.kill_on_drop),
      in(writer_of(std::move(s.in))),
      out(reader_of(std::move(s.out), options.limit)),
      err(reader_of(std::move(s.err), options.limit)),
      pidfd_(s.pidfd.release()) {}

child::~child() {
    if (look() || !kill_on_drop) return;
    const mask_cancel mask;
    syscall(SYS_pidfd_send_signal, pidfd_.fd(), SIGKILL, nullptr, 0);
    const ssize_t n = await_end(deadline_after(k_patience));
    if (n == 0 || n == -ETIME) {
        look();
        return;
    }
    blocking([this] { // no memory to wait otherwise
        siginfo_t info{};
        waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.fd()), &info, WEXITED);
    });
}

std::optional<int> child::look() {
    const std::lock_guard guard(lock_);
    if (!code_) code_ = status_of(pidfd_.fd());
    return code_;
}

// A pidfd is readable once its process has ended. 0, -ETIME, or another -errno.
ssize_t child::await_end(deadline_ns limit) {
    return pidfd_.get()->perform(operation_kind::readable, nullptr, 0, limit);
}

int child::wait() {
    const std::lock_guard mine(turn_); // one waits for the kernel, the others for him
    for (;;) {
        if (const auto code = look()) return *code;
        if (const ssize_t n = await_end(k_never); n != 0)
            throw_io_error(n, "weft: can't wait for process " + std::to_string(pid));
    }
}

void child::send_signal(int signal) {
    const std::lock_guard guard(lock_); // nobody takes its status meanwhile
    // One that has ended and was not waited for takes any signal and does nothing; ESRCH: somebody else waited for it.
    if (!code_ &&
        (syscall(SYS_pidfd_send_signal, pidfd_.fd(), signal, nullptr, 0) == 0 || errno == ESRCH))
        return;
    throw_io_error(code_ ? -ESRCH : -errno, "weft: can't signal process " + std::to_string(pid) +
                                                (code_ ? ", which has ended" : ""));
}

} // namespace detail

process::~process() {
    if (!child_ || child_->kill_on_drop || child_->look()) return;
    try { // somebody must take its status, or it stays a zombie
        if (detail::current_runtime_or_null() != nullptr)
            create_task({.name = "detached process"}, [c = std::move(child_)] { c->wait(); });
    } catch (...) {}
}

detail::child& process::child() const {
    if (!child_) throw std::logic_error("weft: an empty process");
    return *child_;
}

pid_t process::pid() const { return child().pid; }
std::optional<int> process::returncode() const { return child().look(); }
int process::wait() const { return child().wait(); }
void process::send_signal(int signal) const { child().send_signal(signal); }

namespace {
template <class Stream>
const Stream& piped(const Stream& s, const char* name) {
    if (!s.valid())
        throw std::logic_error(std::string("weft: the process was made without .") + name +
                               " = weft::stdio::pipe");
    return s;
}
} // namespace

stream_writer process::in() const { return piped(child().in, "in"); }
stream_reader process::out() const { return piped(child().out, "out"); }
stream_reader process::err() const { return piped(child().err, "err"); }

process_output process::communicate(const_buffer input) const {
    detail::child& c = child();
    if (input.size != 0) piped(c.in, "in");
    process_output all;
    detail::side_by_side(
        [&] {
            if (!c.in.valid() || c.in.is_closing()) return;
            try {
                c.in.write(input);
                c.in.drain();
            } catch (const std::system_error& e) { // it does not read
                if (e.code() != std::errc::broken_pipe && e.code() != std::errc::connection_reset)
                    throw;
            }
            c.in.close();
        },
        [&] {
            if (c.out.valid()) all.out = c.out.read();
        },
        [&] {
            if (c.err.valid()) all.err = c.err.read();
        });
    wait();
    return all;
}

process create_subprocess_exec(const std::vector<std::string>& program,
                               const subprocess_options& options) {
    return blocking([&] {
        return process(std::make_shared<detail::child>(detail::spawn(program, options), options));
    });
}

process create_subprocess_shell(const std::string& command, const subprocess_options& options) {
    return create_subprocess_exec({"/bin/sh", "-c", command}, options);
}

} // namespace weft
