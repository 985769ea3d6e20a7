// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <weft/compute/fork_join.hpp>

namespace weft::detail {

/// The frame of a gather of so many callables of one type as there happen to be, at least one.
template <class F>
class fork_range {
    using result = forked_result<F>;
    struct slot : fork_record {
        slot(fork_range& r, F& f) noexcept : fork_record(k_kind), range(r), function(f) {}
        fork_range& range;
        F& function;
    };

    static fiber* share(fork_record& r, fiber& owner) noexcept {
        auto& self = static_cast<slot&>(r);
        const bool first = self.range.records_.back() == &r;
        self.shared = make_fork_task(self.range.scope_, first, owner, self.function);
        return self.shared;
    }
    static constexpr fork_kind k_kind[2] = {{&share, false}, {&share, true}};

public:
    explicit fork_range(const std::vector<F*>& functions)
        : functions_(functions),
          slots_(std::make_unique<std::optional<slot>[]>(functions.size())) {
        records_.reserve(functions.size());
        for (std::size_t i = 1; i < functions.size(); ++i)
            records_.push_back(&slots_[i].emplace(*this, *functions[i]));
    }

    std::vector<result> run(stack_head& s) {
        std::vector<result> results;
        results.reserve(functions_.size());
        for (auto r = records_.rbegin(); r != records_.rend(); ++r) s.forks.link(**r);
        fork_point(s);
        std::size_t joined = 0;
        try {
            results.push_back(call_stored(*functions_[0]));
            for (; joined < records_.size();) {
                fork_record& r = *records_[joined++];
                results.push_back(join(s, r));
            }
        } catch (...) {
            if (records_.empty()) throw;
            abandon_forks(s, std::span(records_).subspan(joined), *records_.back(), scope_);
        }
        if (!records_.empty() && was_shared(*records_.back())) end_scope(scope_);
        return results;
    }

private:
    result join(stack_head& s, fork_record& r) {
        F& f = static_cast<slot&>(r).function;
        if (s.forks.unlink(r) || join_fork(s, r, scope_)) return call_stored(f);
        return static_cast<fork_task_of<F>*>(r.shared)->take();
    }

    const std::vector<F*>& functions_;
    const std::unique_ptr<std::optional<slot>[]> slots_;
    std::vector<fork_record*> records_;
    fork_scope* scope_ = nullptr; // once the oldest is shared
};

} // namespace weft::detail
