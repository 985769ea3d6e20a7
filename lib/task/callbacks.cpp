// SPDX-License-Identifier: Apache-2.0
#include "task/callbacks.hpp"

#include <weft/greenlet/greenlet_core.hpp>

#include "base/signal_print.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {
namespace {

class callback_fiber final : public fiber {
public:
    callback_fiber(runtime_core& runtime, std::vector<done_call> callbacks)
        : fiber(runtime.sched(), false),
          callbacks_(std::move(callbacks)) {
        locals = {}; // each has those of who added it
    }

    void run() noexcept override {
        run_callbacks(callbacks_);
        end_greenlets();
        delete this;
    }
    void print_owner(int fd) const noexcept override { signal_print(fd, "a done callback"); }
    [[noreturn]] void throw_cancelled() override { std::terminate(); } // nobody can cancel it

    std::vector<done_call> callbacks_;
};

} // namespace

void run_callbacks(std::vector<done_call>& callbacks) noexcept {
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

void run_soon(runtime_core& runtime, std::vector<done_call> callbacks) noexcept {
    auto f = std::make_unique<callback_fiber>(runtime, std::move(callbacks));
    try {
        runtime.sched().provide_stack(*f, 0);
    } catch (...) { return run_callbacks(f->callbacks_); }
    runtime.sched().make_ready(*f.release());
}

} // namespace weft::detail
