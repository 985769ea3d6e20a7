// SPDX-License-Identifier: Apache-2.0
// The loops of a runtime: one per core, or the event_loop that it belongs to.
#pragma once

#include <memory>
#include <vector>

#include <weft/loop/loop.hpp>

#include "task/runtime_core.hpp"

namespace weft::detail {

class loop_set final : public attachment {
public:
    explicit loop_set(runtime_core& runtime);
    static loop_set& of(runtime_core& runtime);

    /// Of the calling worker.
    [[nodiscard]] loop& running() noexcept;
    /// The runtime is that of `l`, which outlives it.
    void adopt(loop& l) noexcept { only_ = &l; }
    void shut_down() noexcept override;

private:
    struct core_loop;
    std::vector<std::unique_ptr<core_loop>> loops_;
    loop* only_ = nullptr;
};

} // namespace weft::detail
