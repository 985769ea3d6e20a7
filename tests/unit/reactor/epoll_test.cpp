// SPDX-License-Identifier: Apache-2.0
#include "reactor/epoll_backend.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "reactor/null_backend.hpp"
#include "reactor/reactor.hpp"
#include "reactor/readiness.hpp"
#include "reactor/slot_pool.hpp"
#include "support/leak_fixture.hpp"

using namespace weft::detail;
using namespace weft::testing;

namespace {

class guest final : public waiter {
public:
    ~guest() override = default;
    void resume() noexcept override { ++resumed; }
    std::atomic<int> resumed{0};
};

bool begin_of(operation& op, void* context) {
    auto& g = *static_cast<guest*>(context);
    if (!g.word.begin(true)) return false;
    op.who = {&g, g.word.epoch()};
    return true;
}

class descriptor_of {
public:
    explicit descriptor_of(int number = -1) : fd(number) {}
    ~descriptor_of() { end(); }
    descriptor_of(const descriptor_of&) = delete;
    descriptor_of& operator=(const descriptor_of&) = delete;
    void end() {
        if (fd >= 0) close(std::exchange(fd, -1));
    }
    int fd;
};

// Two ends of a stream; ours is attached to the backend.
struct wire {
    wire(epoll_backend& k, slot_pool& p) : kernel(k), pool(p) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
            throw std::system_error(errno, std::generic_category(), "socketpair");
        ours.fd = ends[0];
        peer.fd = ends[1];
        slot = pool.take(ours.fd);
        if (const auto error = kernel.attach(*slot)) throw std::system_error(error, "attach");
    }
    ~wire() {
        kernel.detach(*slot);
        pool.put(slot);
    }
    wire(const wire&) = delete;
    wire& operator=(const wire&) = delete;

    void say(std::string_view text) const {
        REQUIRE(write(peer.fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    bool submit(operation& op, guest& g) { return kernel.submit(op, begin_of, &g); }

    epoll_backend& kernel;
    slot_pool& pool;
    descriptor_of ours, peer;
    io_slot* slot;
};

struct request : operation {
    request(operation_kind k, const wire& w, std::size_t bytes = 64)
        : operation{k, w.slot, nullptr, 0, 0, {}},
          storage(bytes, 'x') {
        buffer = storage.data();
        size = bytes;
    }
    std::vector<char> storage;
    [[nodiscard]] std::string_view text() const {
        return {storage.data(), result > 0 ? static_cast<std::size_t>(result) : 0};
    }
};

// Takes in the events that every new descriptor brings.
void settle(backend& kernel) {
    while (kernel.poll(0) != 0) {}
}

struct rig : leak_fixture {
    slot_pool pool;
    epoll_backend kernel;
    guest g;
};

} // namespace

TEST_CASE_METHOD(rig, "what has arrived is received at once, without a wait", "[reactor]") {
    wire w(kernel, pool);
    w.say("abc");
    request r(operation_kind::receive, w);
    CHECK(w.submit(r, g));
    CHECK(r.text() == "abc");
    CHECK(r.who.who == nullptr); // no wait has begun
    CHECK(g.word.has_ended());
    settle(kernel);
    CHECK(g.resumed == 0);
}

TEST_CASE_METHOD(rig, "a pending receive is woken by data, and then gets it", "[reactor]") {
    wire w(kernel, pool);
    for (int round = 1; round <= 3; ++round) {
        request r(operation_kind::receive, w);
        REQUIRE_FALSE(w.submit(r, g));
        settle(kernel);
        CHECK(g.resumed == round - 1);
        CHECK_FALSE(g.word.has_ended());

        w.say("later");
        CHECK(kernel.poll(k_never) == 1);
        CHECK(g.resumed == round);
        CHECK(g.word.how() == wait_end::notified);
        CHECK(r.result == -EAGAIN);
        request again(operation_kind::receive, w);
        CHECK(w.submit(again, g));
        CHECK(again.text() == "later");
    }
}

TEST_CASE_METHOD(rig, "after less than was asked for the next receive waits without asking again",
                 "[reactor]") {
    wire w(kernel, pool);
    settle(kernel);
    w.say("abcdef");
    settle(kernel);
    request part(operation_kind::receive, w, 3), rest(operation_kind::receive, w, 64);
    CHECK(w.submit(part, g)); // as much as asked for: there may be more
    CHECK(part.text() == "abc");
    CHECK(w.submit(rest, g));
    CHECK(rest.text() == "def");
    request more(operation_kind::receive, w);
    CHECK_FALSE(w.submit(more, g));
    w.say("g");
    CHECK(kernel.poll(k_never) == 1);
    CHECK(more.result == -EAGAIN);
}

TEST_CASE_METHOD(rig, "a send waits while the peer's buffer is full", "[reactor]") {
    wire w(kernel, pool);
    request r(operation_kind::send, w, 16 * 1024);
    std::size_t sent = 0;
    while (w.submit(r, g)) {
        REQUIRE(r.result > 0);
        sent += static_cast<std::size_t>(r.result);
    }
    settle(kernel);
    CHECK(g.resumed == 0);
    std::vector<char> sink(64 * 1024);
    std::size_t got = 0;
    for (ssize_t n = 0; (n = read(w.peer.fd, sink.data(), sink.size())) > 0;)
        got += static_cast<std::size_t>(n);
    CHECK(got == sent);
    CHECK(kernel.poll(k_never) == 1);
    CHECK(g.resumed == 1);
    CHECK(r.result == -EAGAIN);
    request again(operation_kind::send, w, 10);
    CHECK(w.submit(again, g));
    CHECK(again.result == 10);
}

TEST_CASE_METHOD(rig, "both directions of a descriptor wait on their own", "[reactor]") {
    wire w(kernel, pool);
    guest writer;
    request fill(operation_kind::send, w, 64 * 1024);
    while (w.submit(fill, writer)) {}
    request r(operation_kind::receive, w);
    REQUIRE_FALSE(w.submit(r, g));
    settle(kernel);
    w.say("x");
    CHECK(kernel.poll(k_never) == 1);
    CHECK(g.resumed == 1);
    CHECK(writer.resumed == 0);
    CHECK(kernel.retract(fill));
}

TEST_CASE_METHOD(rig, "a second operation of the same direction is refused", "[reactor]") {
    wire w(kernel, pool);
    guest second;
    request r(operation_kind::receive, w), too_many(operation_kind::readable, w);
    REQUIRE_FALSE(w.submit(r, g));
    CHECK(w.submit(too_many, second));
    CHECK(too_many.result == -EBUSY);
    CHECK(second.word.has_ended());
    w.say("x");
    settle(kernel);
    CHECK(g.resumed == 1); // the first is none the worse for it
}

TEST_CASE_METHOD(rig, "the peer's end is seen at once and without an edge", "[reactor]") {
    wire w(kernel, pool);
    request r(operation_kind::receive, w);
    REQUIRE_FALSE(w.submit(r, g));
    w.peer.end();
    settle(kernel);
    CHECK(g.resumed == 1);
    for (int i = 0; i < 3; ++i) { // however often it is asked
        request end(operation_kind::receive, w);
        CHECK(w.submit(end, g));
        CHECK(end.result == 0);
    }
    request s(operation_kind::send, w);
    CHECK(w.submit(s, g));
    CHECK(s.result == -EPIPE);
}

TEST_CASE_METHOD(rig, "readable and writable ask for the state of the moment", "[reactor]") {
    wire w(kernel, pool);
    request writable(operation_kind::writable, w, 0), readable(operation_kind::readable, w, 0);
    CHECK(w.submit(writable, g));
    CHECK(writable.result == 0);
    CHECK_FALSE(w.submit(readable, g));
    settle(kernel);
    CHECK(g.resumed == 0);
    w.say("x");
    CHECK(kernel.poll(k_never) == 1);
    CHECK(g.resumed == 1);
    request again(operation_kind::readable, w, 0);
    CHECK(w.submit(again, g));
    CHECK(again.result == 0);
}

TEST_CASE_METHOD(rig, "a connection is made and accepted", "[reactor]") {
    constexpr int k_kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const descriptor_of listener(socket(AF_INET, k_kind, 0)), caller(socket(AF_INET, k_kind, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = reinterpret_cast<sockaddr*>(&at);
    socklen_t size = sizeof at;
    REQUIRE(bind(listener.fd, address, size) == 0);
    REQUIRE(listen(listener.fd, 8) == 0);
    REQUIRE(getsockname(listener.fd, address, &size) == 0);
    io_slot* listens = pool.take(listener.fd);
    io_slot* calls = pool.take(caller.fd);
    REQUIRE_FALSE(kernel.attach(*listens));
    REQUIRE_FALSE(kernel.attach(*calls));

    operation accepts{operation_kind::accept, listens, nullptr, 0, 0, {}};
    REQUIRE_FALSE(kernel.submit(accepts, begin_of, &g));
    guest connecting;
    operation connects{operation_kind::connect, calls, &at, size, 0, {}};
    while (!kernel.submit(connects, begin_of,
                          &connecting)) { // as if no mark of readiness were ever wrong
        while (!connecting.word.has_ended()) kernel.poll(k_never);
        CHECK(connects.result == -EAGAIN);
        connects.who = {};
    }
    CHECK(connects.result == 0);
    while (!g.word.has_ended()) kernel.poll(k_never);
    CHECK(accepts.result == -EAGAIN);
    operation again{operation_kind::accept, listens, nullptr, 0, 0, {}};
    REQUIRE(kernel.submit(again, begin_of, &g));
    REQUIRE(again.result >= 0);
    const descriptor_of accepted(static_cast<int>(again.result));
    CHECK(write(accepted.fd, "!", 1) == 1);
    for (io_slot* s : {listens, calls}) {
        kernel.detach(*s);
        pool.put(s);
    }
}

TEST_CASE_METHOD(rig, "close ends both directions, for who waits and for who comes later",
                 "[reactor]") {
    wire w(kernel, pool);
    guest writer;
    request r(operation_kind::receive, w), fill(operation_kind::send, w, 64 * 1024);
    REQUIRE_FALSE(w.submit(r, g));
    while (w.submit(fill, writer)) {}
    kernel.close(*w.slot);
    CHECK(g.resumed == 1);
    CHECK(writer.resumed == 1);
    CHECK(r.result == -ECANCELED);
    CHECK(fill.result == -ECANCELED);
    CHECK(g.word.how() == wait_end::notified);

    kernel.close(*w.slot); // once is enough
    w.say("too late");
    CHECK(kernel.poll(0) == 0);
    for (const auto kind : {operation_kind::receive, operation_kind::send}) {
        request later(kind, w);
        CHECK(w.submit(later, g));
        CHECK(later.result == -ECANCELED);
    }
    CHECK(g.resumed == 1);
}

TEST_CASE_METHOD(rig, "a pending cancel keeps an operation from waiting, not from being done",
                 "[reactor]") {
    wire w(kernel, pool);
    g.word.request_cancel();
    w.say("abc");
    request r(operation_kind::receive, w);
    CHECK(w.submit(r, g));
    CHECK(r.text() == "abc");
    request waits(operation_kind::receive, w);
    CHECK(w.submit(waits, g));
    CHECK(waits.result == -ECANCELED);
    CHECK(waits.who.who == nullptr);
    CHECK(g.word.cancel_pending());
    w.say("def");
    settle(kernel); // nobody is registered
    CHECK(g.resumed == 0);
}

TEST_CASE_METHOD(rig, "an operation that was taken back does not complete", "[reactor]") {
    wire w(kernel, pool);
    {
        request r(operation_kind::receive, w);
        REQUIRE_FALSE(w.submit(r, g));
        REQUIRE(r.who.claim(wait_end::expired));
        CHECK(kernel.retract(r));
        CHECK_FALSE(kernel.retract(r));
    }
    w.say("abc");
    CHECK(kernel.poll(0) == 0);
    CHECK(g.resumed == 0);
    request later(operation_kind::receive, w);
    CHECK(w.submit(later, g)); // the edge was kept for it
    CHECK(later.text() == "abc");
}

TEST_CASE_METHOD(rig, "an operation whose completion came first is let go", "[reactor]") {
    wire w(kernel, pool);
    request r(operation_kind::receive, w);
    REQUIRE_FALSE(w.submit(r, g));
    settle(kernel);
    REQUIRE(r.who.claim(wait_end::expired)); // the deadline wins the wait, the event the operation
    w.say("abc");
    CHECK(kernel.poll(k_never) == 0);
    CHECK_FALSE(kernel.retract(r));
    CHECK(r.let_go);
    CHECK(g.resumed == 0);
    CHECK(g.word.how() == wait_end::expired);
}

TEST_CASE_METHOD(rig, "taken back or let go: exactly one, while events come from another thread",
                 "[reactor]") {
    wire w(kernel, pool);
    std::jthread driver([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) kernel.poll(time_source::monotonic_now() + 1'000'000);
    });
    int by_event = 0;
    for (int i = 0; i < 1000; ++i) {
        request r(operation_kind::receive, w, 1);
        if (w.submit(r, g)) {
            REQUIRE(r.result == 1);
            continue;
        }
        if (write(w.peer.fd, "x", 1) != 1) { // full: the driver has not had its turn for long
            char sink[512];
            while (read(w.ours.fd, sink, sizeof sink) > 0) {}
        }
        if (r.who.claim(wait_end::expired)) {
            if (!kernel.retract(r))
                while (!r.let_go) std::this_thread::yield();
            continue;
        }
        ++by_event;
        REQUIRE(g.word.how() == wait_end::notified);
        REQUIRE(r.result == -EAGAIN);
        while (g.resumed != by_event) std::this_thread::yield();
    }
    CHECK(g.resumed == by_event);
}

TEST_CASE_METHOD(rig,
                 "an event for a descriptor that was closed does not reach its slot's next one",
                 "[reactor]") {
    wire old(kernel, pool);
    settle(kernel);
    old.say("abc"); // its event waits in the kernel
    const auto generation = old.slot->generation.load();
    pool.put(old.slot);

    wire young(kernel, pool);
    REQUIRE(young.slot == old.slot);
    CHECK(young.slot->generation != generation);
    request r(operation_kind::receive, young);
    REQUIRE_FALSE(young.submit(r, g));
    CHECK(kernel.poll(0) == 0);
    CHECK(g.resumed == 0);
    young.say("def");
    CHECK(kernel.poll(k_never) == 1);
    CHECK(g.resumed == 1);

    // The first wire's end: its slot is young's now.
    old.slot = pool.take(old.ours.fd);
}

TEST_CASE_METHOD(
    rig, "a wake ends a poll that waits, or the next one, whether there is a descriptor or none",
    "[reactor]") {
    std::optional<wire> w;
    if (GENERATE(false, true)) {
        w.emplace(kernel, pool);
        settle(kernel);
    }
    kernel.wake();
    kernel.wake();
    CHECK(kernel.poll(k_never) == 0);
    std::jthread other([&] { kernel.wake(); });
    CHECK(kernel.poll(k_never) == 0); // would last for ever
}

TEST_CASE_METHOD(rig, "a poll that began with nothing to watch hears of the first descriptor",
                 "[reactor]") {
    for (int round = 0; round < 200; ++round) {
        wire w(kernel, pool);
        kernel.detach(*w.slot);
        guest waiting;
        request r(operation_kind::receive, w);
        REQUIRE_FALSE(w.submit(r, waiting));
        w.say("abc");
        std::error_code error;
        std::jthread other([&] {
            for (int spin = 0; spin < round % 8; ++spin) std::this_thread::yield();
            error = kernel.attach(*w.slot);
        });
        while (waiting.resumed == 0) kernel.poll(k_never); // would last for ever
        other.join();
        CHECK_FALSE(error);
    }
}

TEST_CASE_METHOD(rig, "a poll with a deadline in the past only looks, and none ends early",
                 "[reactor]") {
    CHECK(kernel.poll(0) == 0);
    CHECK(kernel.poll(-1) == 0);
    CHECK(kernel.poll(time_source::monotonic_now() - 1) == 0);
    const deadline_ns until = time_source::monotonic_now() + 2'500'000;
    CHECK(kernel.poll(until) == 0);
    CHECK(time_source::monotonic_now() >= until);
}

TEST_CASE_METHOD(rig, "a poll completes a batch at most and keeps the rest", "[reactor]") {
    constexpr int k_count = 100;
    std::vector<std::unique_ptr<wire>> wires;
    std::vector<std::unique_ptr<request>> requests;
    guest guests[k_count];
    for (int i = 0; i < k_count; ++i) {
        wires.push_back(std::make_unique<wire>(kernel, pool));
        requests.push_back(std::make_unique<request>(operation_kind::receive, *wires.back()));
        REQUIRE_FALSE(wires.back()->submit(*requests.back(), guests[i]));
    }
    settle(kernel);
    kernel.poll(0); // the writable edges are more than a batch
    for (const auto& w : wires) w->say("x");
    unsigned completed = 0;
    while (completed < k_count) {
        const unsigned n = kernel.poll(k_never);
        REQUIRE(n > 0);
        REQUIRE(n <= backend::k_batch);
        completed += n;
    }
    for (const guest& g1 : guests) CHECK(g1.resumed == 1);
}

TEST_CASE("the backend's descriptor is readable when a poll would find something", "[reactor]") {
    slot_pool pool;
    epoll_backend kernel;
    wire w(kernel, pool);
    settle(kernel);
    CHECK(try_operation(operation_kind::readable, kernel.descriptor(), nullptr, 0) == -EAGAIN);
    w.say("abc");
    CHECK(try_operation(operation_kind::readable, kernel.descriptor(), nullptr, 0) == 0);
    kernel.poll(0);
    CHECK(try_operation(operation_kind::readable, kernel.descriptor(), nullptr, 0) == -EAGAIN);
}

TEST_CASE("what cannot be watched is refused with its reason", "[reactor]") {
    slot_pool pool;
    epoll_backend kernel;
    const descriptor_of file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    io_slot* s = pool.take(file.fd);
    CHECK(kernel.attach(*s).value() == EPERM);
    s->fd = -1;
    CHECK(kernel.attach(*s).value() == EBADF);
    pool.put(s);
}

TEST_CASE_METHOD(rig, "a slot pool uses its slots again, each time as another one", "[reactor]") {
    io_slot* a = pool.take(3);
    io_slot* b = pool.take(4);
    CHECK(a != b);
    const auto generation = a->generation.load();
    mark_closed(*a);
    a->hung_up = true;
    pool.put(a);

    wire w(kernel, pool);
    REQUIRE(w.slot == a);
    CHECK(a->fd == w.ours.fd);
    CHECK(a->generation == generation + 1);
    CHECK_FALSE(a->hung_up);
    w.say("abc");
    request r(operation_kind::receive, w);
    CHECK(w.submit(r, g)); // not closed, and nobody has asked yet: the kernel is asked at once
    CHECK(r.text() == "abc");
    pool.put(b);
}

TEST_CASE("a slot is closed and released through its reactor, until the reactors have ended",
          "[reactor]") {
    slot_pool pool;
    time_source time;
    auto r = std::make_unique<reactor>(std::make_unique<epoll_backend>(), time);
    auto& kernel = static_cast<epoll_backend&>(r->kernel());
    guest g;
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    const descriptor_of ours(ends[0]), peer(ends[1]);
    io_slot* slots[2];
    for (int i = 0; i < 2; ++i) {
        slots[i] = pool.take(ends[i]);
        slots[i]->home = r.get();
        REQUIRE_FALSE(kernel.attach(*slots[i]));
    }
    char byte = 0;
    operation op{operation_kind::receive, slots[0], &byte, 1, 0, {}};
    REQUIRE_FALSE(kernel.submit(op, begin_of, &g));
    pool.close(*slots[0]);
    CHECK(g.resumed == 1);
    CHECK(op.result == -ECANCELED);
    pool.release(slots[0]);
    io_slot* again = pool.take(ends[0]);
    CHECK(again == slots[0]);
    CHECK_FALSE(kernel.attach(*again)); // it was detached
    again->home = r.get();

    pool.retire();
    r.reset();
    pool.close(*again); // nobody is there, nobody is asked
    pool.release(again);
    pool.release(slots[1]);
    CHECK(pool.take(0) == slots[1]);
}
