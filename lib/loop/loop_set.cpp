// SPDX-License-Identifier: Apache-2.0
#include "loop/loop_set.hpp"

#include "loop/loop_core.hpp"

namespace weft::detail {

struct loop_set::core_loop final : loop {
    core_loop(runtime_core& runtime, reactor& home) {
        core_ = std::make_unique<loop_core>(runtime, home);
    }
};

loop_set::loop_set(runtime_core& runtime) {
    scheduler& s = runtime.sched();
    if (s.is_run_by_caller()) return; // adopt follows
    for (unsigned i = 0; i < s.permits(); ++i)
        loops_.push_back(std::make_unique<core_loop>(runtime, s.reactor_at(i)));
}

loop_set& loop_set::of(runtime_core& runtime) {
    return static_cast<loop_set&>(
        runtime.attached([](runtime_core& r) -> std::unique_ptr<attachment> {
            return std::make_unique<loop_set>(r);
        }));
}

// A worker without a permit, which ends what it runs, belongs to no core: any will do.
loop& loop_set::running() noexcept {
    if (only_ != nullptr) return *only_;
    const worker& w = *worker::current();
    const permit* p = w.permission.get();
    return *loops_[p != nullptr ? p->core : w.index() % loops_.size()];
}

void loop_set::shut_down() noexcept {
    for (auto& l : loops_) l->core().close();
    for (auto& l : loops_) l->core().await_end();
}

} // namespace weft::detail

namespace weft {

loop& get_running_loop() { return detail::loop_set::of(detail::current_runtime()).running(); }

} // namespace weft
