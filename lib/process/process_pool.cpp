// SPDX-License-Identifier: Apache-2.0
// The public face of a pool.
#include <weft/process/process_pool.hpp>

#include "process/pool.hpp"

namespace weft {
namespace detail {

process_call::process_call(std::shared_ptr<process_pool> in, call_entry e, const void* t)
    : pool(std::move(in)),
      entry(e),
      target(t),
      arguments(std::make_unique<payload>(pool->segments)) {}

process_call::~process_call() = default;

bool process_call::withdraw(bool running) noexcept { return pool->withdraw(*this, running); }

void process_call::receive_here(deadline_ns deadline) noexcept {
    if (current_fiber() == nullptr) pool->receive_here(*this, deadline);
}

void post(process_call& call) { call.pool->post(call); }

} // namespace detail

process_pool_executor::process_pool_executor(const process_pool_options& options)
    : pool_(std::make_shared<detail::process_pool>(options)) {}

process_pool_executor::~process_pool_executor() {
    if (pool_->is_of_this_process())
        pool_->shutdown({});
    else
        new std::shared_ptr<detail::process_pool>(pool_); // of the parent: its thread is not here
}

void process_pool_executor::shutdown(const shutdown_options& options) { pool_->shutdown(options); }
std::vector<int> process_pool_executor::worker_pids() const { return pool_->pids(); }
unsigned process_pool_executor::max_workers() const noexcept { return pool_->max_workers(); }

} // namespace weft
