// SPDX-License-Identifier: Apache-2.0
#include "task/callbacks.hpp"

#include <mutex>
#include <utility>

#include <weft/greenlet/greenlet_core.hpp>

#include "base/signal_print.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {
namespace {

void call(callback_list& callbacks) noexcept {
    for (auto& c : callbacks) {
        try {
            c.function();
        } catch (...) {
            const exception_context what{
                "a callback threw", std::current_exception(), {}, nullptr, 0};
            if (runtime_core* r = current_runtime_or_null())
                r->exceptions()->report(what);
            else
                reporter({}).report(what);
        }
    }
}

class callback_fiber final : public fiber {
public:
    callback_fiber(runtime_core& runtime, callback_list callbacks,
                   std::shared_ptr<callback_line> line)
        : fiber(runtime.sched(), false),
          callbacks_(std::move(callbacks)),
          line_(std::move(line)) {
        locals = {}; // each has those of who added it
    }

    void run() noexcept override {
        call_them();
        end_greenlets();
        delete this;
    }
    void call_them() noexcept {
        if (line_)
            line_->turn();
        else
            call(callbacks_);
    }
    void print_owner(int fd) const noexcept override { signal_print(fd, "a done callback"); }
    [[noreturn]] void throw_cancelled() override { std::terminate(); } // nobody can cancel it

private:
    callback_list callbacks_; // without a line
    const std::shared_ptr<callback_line> line_;
};

} // namespace

void callback_line::add(callback_list callbacks) {
    const std::lock_guard guard(lock_);
    places_.push_back(std::move(callbacks));
}

// Who comes while another one calls leaves its place to that one: with one worker, only if a callback waits.
void callback_line::turn() noexcept {
    lock_.lock();
    ++turns_;
    if (!std::exchange(calling_, true)) {
        for (; called_ < turns_; ++called_) {
            callback_list now = std::move(places_[called_]);
            lock_.unlock();
            call(now);
            lock_.lock();
        }
        calling_ = false;
    }
    lock_.unlock();
}

void run_soon(runtime_core* runtime, callback_list callbacks,
              std::shared_ptr<callback_line> line) noexcept {
    if (line) line->add(std::exchange(callbacks, {}));
    if (runtime == nullptr) return line ? line->turn() : call(callbacks);
    auto f = std::make_unique<callback_fiber>(*runtime, std::move(callbacks), std::move(line));
    try {
        runtime->sched().provide_stack(*f, 0);
    } catch (...) { return f->call_them(); }
    runtime->sched().make_ready(*f.release());
}

} // namespace weft::detail
