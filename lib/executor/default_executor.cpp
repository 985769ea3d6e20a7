// SPDX-License-Identifier: Apache-2.0
// The default pool of a runtime, and what a call remembers of its runtime.
#include <weft/executor/thread_pool.hpp>

#include "task/runtime_core.hpp"

namespace weft::detail {
namespace {

class default_pool final : public attachment {
public:
    explicit default_pool(runtime_core& runtime)
        : pool({.log_handler = [&runtime](const std::string& line) { runtime.log(line); }}),
          runtime_(runtime) {}

    void shut_down() noexcept override {
        constexpr std::chrono::seconds k_patience{300}; // as asyncio.run
        pool.shutdown({.timeout = k_patience});
        if (pool.threads() != 0)
            runtime_.log("weft: calls still run in the default executor " +
                         std::to_string(k_patience.count()) +
                         " s after the runtime's end; they are left behind");
    }
    thread_pool_executor pool;

private:
    runtime_core& runtime_;
};

std::unique_ptr<attachment> make_default_pool(runtime_core& runtime) {
    return std::make_unique<default_pool>(runtime);
}

} // namespace

executor& default_executor() {
    return static_cast<default_pool&>(current_runtime().attached(make_default_pool)).pool;
}

std::shared_ptr<reporter> current_reporter() noexcept {
    runtime_core* r = current_runtime_or_null();
    return r != nullptr ? r->exceptions() : nullptr;
}

void report_unseen(const std::shared_ptr<reporter>& to, std::exception_ptr e) noexcept {
    if (to)
        to->report({"an exception of a call in an executor was never retrieved",
                    std::move(e),
                    {},
                    nullptr,
                    0});
    else
        report_unseen_error(std::move(e));
}

} // namespace weft::detail
