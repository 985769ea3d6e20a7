// SPDX-License-Identifier: Apache-2.0
#include "generator.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

namespace load {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds k_longest_wait = std::chrono::milliseconds(50);
constexpr nanoseconds k_grace = std::chrono::seconds(2); // open loop: answers this late still count

class generator {
public:
    generator(const exchange& what, const plan& how)
        : what_(what),
          epoll_(epoll_create1(EPOLL_CLOEXEC)),
          interval_(how.rate > 0 ? static_cast<std::int64_t>(1e9 / how.rate) : 0) {
        for (unsigned i = 0; i < how.idle; ++i) {
            idle_.emplace_back(what);
            idle_.back().send(next_request(), {});
            idle_.back().wait_for_answer(out_.wrong);
        }
        all_.reserve(how.connections); // the kernel keeps pointers to them
        for (unsigned i = 0; i < how.connections; ++i) watch(all_.emplace_back(what));
        start_ = now_ = next_due_ = steady::now();
        from_ = start_ + std::chrono::duration_cast<nanoseconds>(how.warm_up);
        until_ = from_ + std::chrono::duration_cast<nanoseconds>(how.measured);
    }
    generator(const generator&) = delete;
    generator& operator=(const generator&) = delete;
    ~generator() { ::close(epoll_); }

    result run() {
        for (connection& c : all_) {
            if (is_open_loop())
                free_.push_back(&c);
            else
                c.send(next_request(), start_);
        }
        while (!finished()) {
            if (is_open_loop()) send_what_is_due();
            take_answers();
        }
        count_what_is_open();
        return std::move(out_);
    }

private:
    [[nodiscard]] bool is_open_loop() const { return interval_.count() > 0; }

    const std::string& next_request() {
        const std::string& request = what_.requests[next_request_];
        next_request_ = (next_request_ + 1) % what_.requests.size();
        return request;
    }

    void watch(connection& c) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &c;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd(), &event) != 0)
            throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }

    [[nodiscard]] bool finished() const {
        if (now_ < until_) return false;
        if (!is_open_loop() || now_ >= until_ + k_grace) return true;
        return next_due_ >= until_ && free_.size() == all_.size();
    }

    void send_what_is_due() {
        for (; next_due_ <= now_ && next_due_ < until_ && !free_.empty(); next_due_ += interval_) {
            free_.back()->send(next_request(), next_due_);
            free_.pop_back();
        }
    }

    [[nodiscard]] nanoseconds longest_wait() const {
        if (!is_open_loop() || free_.empty() || next_due_ >= until_) return k_longest_wait;
        return std::clamp<nanoseconds>(next_due_ - now_, nanoseconds(0), k_longest_wait);
    }

    void take_answers() {
        const timespec wait{0, longest_wait().count()};
        const int count =
            epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &wait, nullptr);
        if (count < 0 && errno != EINTR)
            throw std::system_error(errno, std::generic_category(), "epoll_pwait2");
        now_ = steady::now();
        for (int i = 0; i < count; ++i) {
            auto& c = *static_cast<connection*>(events_[static_cast<std::size_t>(i)].data.ptr);
            if (c.receive(out_.wrong)) answered(c);
        }
    }

    void answered(connection& c) {
        now_ = steady::now();
        ++out_.all_requests;
        if (is_open_loop()) {
            if (c.due() >= from_) out_.latencies.record(now_ - c.due());
            free_.push_back(&c);
        } else {
            if (now_ >= from_ && now_ < until_) out_.latencies.record(now_ - c.due());
            if (now_ < until_) c.send(next_request(), now_);
        }
    }

    void count_what_is_open() {
        if (is_open_loop()) {
            const auto due = static_cast<std::uint64_t>((until_ - from_) / interval_);
            out_.unanswered = due - std::min(due, out_.latencies.count());
            return;
        }
        for (const connection& c : all_)
            if (c.busy())
                out_.oldest_open_us =
                    std::max(out_.oldest_open_us,
                             std::chrono::duration<double, std::micro>(until_ - c.due()).count());
    }

    const exchange& what_;
    std::vector<connection> idle_;
    std::vector<connection> all_;
    std::vector<connection*> free_; // open loop: without a request
    int epoll_;
    nanoseconds interval_;
    steady::time_point start_, now_, from_, until_, next_due_;
    std::size_t next_request_ = 0;
    std::array<epoll_event, 512> events_{};
    result out_;
};

} // namespace

result generate(const exchange& what, const plan& how) { return generator(what, how).run(); }

} // namespace load
