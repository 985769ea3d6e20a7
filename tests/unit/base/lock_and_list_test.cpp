// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <mutex>
#include <thread>
#include <vector>

#include <weft/base/intrusive_list.hpp>
#include <weft/base/spin_lock.hpp>

using namespace weft::detail;

namespace {

struct item : list_hook {
    explicit item(int v) : value(v) {}
    int value;
};

std::vector<int> values(const intrusive_list<item>& list) {
    std::vector<int> v;
    for (const item* i = list.front(); i != nullptr; i = list.next(*i)) v.push_back(i->value);
    return v;
}

} // namespace

TEST_CASE("a counter under the spin lock is exact, with more threads than cores", "[base]") {
    spin_lock lock;
    long counter = 0; // plain: the lock alone keeps it
    constexpr int k_threads = 4, k_rounds = 20'000;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < k_threads; ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i < k_rounds; ++i) {
                    if (t % 2 == 0) {
                        lock.lock();
                    } else {
                        while (!lock.try_lock()) std::this_thread::yield();
                    }
                    const long before = counter;
                    if (i % 1000 == 0) std::this_thread::yield(); // the others meet a held lock
                    counter = before + 1;
                    lock.unlock();
                }
            });
    }
    CHECK(counter == long{k_threads} * k_rounds);
}

TEST_CASE("try_lock of a spin lock tells whether it is free", "[base]") {
    spin_lock lock;
    CHECK(lock.try_lock());
    CHECK_FALSE(lock.try_lock());
    lock.unlock();
    const std::lock_guard guard(lock);
    CHECK_FALSE(lock.try_lock());
}

TEST_CASE("an intrusive list keeps the order of both of its ends", "[base]") {
    item a(1), b(2), c(3), d(4);
    intrusive_list<item> list;
    CHECK(list.empty());
    CHECK(list.front() == nullptr);
    CHECK(list.pop_front() == nullptr);

    list.push_back(b);
    list.push_back(c);
    list.push_front(a);
    list.push_back(d);
    CHECK(values(list) == std::vector{1, 2, 3, 4});
    CHECK(a.is_linked());

    CHECK(list.pop_front() == &a);
    CHECK_FALSE(a.is_linked());
    CHECK(list.front() == &b);
    CHECK(list.next(b) == &c);
    CHECK(list.next(d) == nullptr);
}

TEST_CASE("an item leaves an intrusive list from any place, and may come back", "[base]") {
    item a(1), b(2), c(3);
    intrusive_list<item> list;
    for (item* i : {&a, &b, &c}) list.push_back(*i);

    list.remove(b);
    CHECK_FALSE(b.is_linked());
    CHECK(values(list) == std::vector{1, 3});
    list.push_back(b);
    CHECK(values(list) == std::vector{1, 3, 2});
    list.remove(a);
    list.remove(b);
    CHECK(values(list) == std::vector{3});
    list.remove(c);
    CHECK(list.empty());
    CHECK(list.pop_front() == nullptr);
}

TEST_CASE("splice_back moves everything to the end and leaves the other list empty", "[base]") {
    item a(1), b(2), c(3), d(4);
    intrusive_list<item> to, from, nothing;
    to.push_back(a);
    from.push_back(b);
    from.push_back(c);

    to.splice_back(from);
    CHECK(values(to) == std::vector{1, 2, 3});
    CHECK(from.empty());

    to.splice_back(nothing);
    CHECK(values(to) == std::vector{1, 2, 3});

    from.push_back(d); // still usable
    from.splice_back(to);
    CHECK(values(from) == std::vector{4, 1, 2, 3});
    CHECK(to.empty());

    nothing.splice_back(from);
    CHECK(values(nothing) == std::vector{4, 1, 2, 3});
    nothing.remove(c);
    CHECK(values(nothing) == std::vector{4, 1, 2});
    nothing.push_back(c);
    CHECK(values(nothing) == std::vector{4, 1, 2, 3});
}
