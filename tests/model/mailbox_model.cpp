// SPDX-License-Identifier: Apache-2.0
// Who receives an answer: a plain thread that waits for it, a runtime that hears the bell, or the manager (mailbox.hpp). An answer
// that nobody receives, or a thread that nobody wakes, is a deadlock here; one that is received twice fails; torn mail is a race.
#include "relacy_atomics.hpp"

#include <process/mailbox.hpp>

namespace {

using namespace weft::model;
using mailbox = weft::detail::basic_mailbox<relacy_atomics>;
using state = weft::detail::mailbox_state;

constexpr int k_calls = 2;

/// A worker's page and pipeline, and what the kernel keeps between the processes.
class post_office {
public:
    // ---- who makes a call, and waits
    void submit(state wanted) {
        pool_.lock();
        box_.open(wanted);
        ++made_;
        pool_.unlock();
        tell([this] { ++sent_; });
    }
    void receive_here(int call) {
        pool_.lock();
        const std::uint32_t asleep = has(call) ? 0 : box_.wait();
        pool_.unlock();
        if (asleep != 0) sleep_while(asleep);
        pool_.lock();
        if (!has(call)) {
            if (asleep != 0) leave_to_manager();
            take();
        }
        pool_.unlock();
    }
    void await_answer(int call) {
        await([&] { return answered_ >= call; });
    }

    // ---- the manager, and the runtime that hears the bell
    void stop_mail() {
        pool_.lock();
        leave_to_manager();
        take();
        pool_.unlock();
    }
    void receive_for_others() {
        int by_socket = 0;
        await([&] { return socket_ != 0 || bell_ || answered_ == k_calls; });
        tell([&] { by_socket = std::exchange(socket_, 0); });
        tell([this] { bell_ = false; });
        pool_.lock();
        if (by_socket != 0) answer(by_socket);
        take();
        pool_.unlock();
    }
    bool has(int call) {
        bool has = false;
        tell([&] { has = answered_ >= call; });
        return has;
    }

    // ---- the worker
    void serve(int call) {
        await([&] { return sent_ >= call; });
        switch (box_.deliver([&] { mail_ = call; })) {
        case state::by_thread: wake_one(); break;
        case state::by_runtime: tell([this] { bell_ = true; }); break;
        case state::open:
            relacy_atomics::pause();
            if (box_.take()) send(call);
            break;
        default: send(call);
        }
    }

private:
    void leave_to_manager() {
        if (box_.leave_to_manager() == state::by_thread) wake_one();
    }
    void take() {
        if (box_.take()) answer(mail_.get());
    }
    void answer(int call) {
        require(call == made_ && !has(call), "an answer is received twice");
        tell([this] { ++answered_; });
    }
    void send(int call) {
        tell([&] { socket_ = call; });
    }
    // As the futex does: the comparison is a part of falling asleep, and a wake is for one.
    void sleep_while(std::uint32_t word) {
        kernel_.lock();
        while (box_.futex_word().load(std::memory_order::relaxed) == word)
            woken_.wait(kernel_.native(), RL_INFO);
        kernel_.unlock();
    }
    void wake_one() {
        kernel_.lock();
        woken_.notify_one(RL_INFO);
        kernel_.unlock();
    }

    template <class F>
    void tell(F f) {
        kernel_.lock();
        f();
        changed_.notify_all(RL_INFO);
        kernel_.unlock();
    }
    template <class F>
    void await(F holds) {
        kernel_.lock();
        while (!holds()) changed_.wait(kernel_.native(), RL_INFO);
        kernel_.unlock();
    }

    mailbox box_;
    plain<int> mail_;
    mutex pool_;
    int made_ = 0; // guarded by pool_
    mutex kernel_; // guards the rest
    rl::condition_variable changed_, woken_;
    int sent_ = 0, answered_ = 0, socket_ = 0;
    bool bell_ = false;
};

/// One call after the other, by a thread or by a runtime's task; somebody stops the mail meanwhile.
template <state Wanted, bool Waits>
struct answered : rl::test_suite<answered<Wanted, Waits>, 4> {
    post_office post;

    void thread(unsigned index) {
        stagger(20);
        if (index == 0) {
            for (int call = 1; call <= k_calls; ++call) {
                post.submit(Wanted);
                if (Waits) post.receive_here(call);
                post.await_answer(call);
            }
        } else if (index == 1) {
            for (int call = 1; call <= k_calls; ++call) post.serve(call);
        } else if (index == 2) {
            post.stop_mail();
        } else {
            while (!post.has(k_calls)) post.receive_for_others();
        }
    }
};

/// The second call is another thread's, who may wait for it while the first one has not yet seen that it was woken.
struct two_threads : rl::test_suite<two_threads, 4> {
    post_office post;

    void thread(unsigned index) {
        if (index < 2) {
            const int call = static_cast<int>(index) + 1;
            post.await_answer(call - 1);
            post.submit(state::open);
            post.receive_here(call);
            post.await_answer(call);
        } else if (index == 2) {
            for (int call = 1; call <= k_calls; ++call) post.serve(call);
        } else {
            stagger(40);
            post.stop_mail();
            while (!post.has(k_calls)) post.receive_for_others();
        }
    }
};

} // namespace

int main() {
    return run<two_threads>(500'000) && run<answered<state::open, true>>(200'000) &&
                   run<answered<state::open, false>>(200'000) &&
                   run<answered<state::by_runtime, true>>(200'000) &&
                   run<answered<state::by_runtime, false>>(200'000)
               ? 0
               : 1;
}
