// SPDX-License-Identifier: Apache-2.0
#include "sched/guests.hpp"

#include <mutex>

#include "sched/scheduler.hpp"

namespace weft::detail {
namespace {

spin_lock places_lock;
intrusive_list<guest_place> places; // guarded by places_lock, as all counts of who stands down

} // namespace

void guests::leave(unsigned n) noexcept {
    const std::lock_guard guard(places_lock);
    const unsigned left = count.fetch_sub(n, std::memory_order_relaxed) - n;
    for (guest_place* p = places.front(); p != nullptr;) {
        guest_place* const next = places.next(*p);
        worker& w = p->worker_; // it is there: its place is
        if (w.home().standing_down() > left) {
            p->give_up();
            w.unpark();
        }
        p = next;
    }
}

guest_place::guest_place(worker& w) noexcept : worker_(w) {
    scheduler& home = w.home();
    const std::lock_guard guard(places_lock);
    const unsigned stand = home.standing_down();
    if (guests::count.load(std::memory_order_relaxed) <= home.sleeping_workers() + stand) return;
    if (stand + 1 >= home.permits()) return;
    home.standing_down_.store(stand + 1, std::memory_order_relaxed);
    kept_.store(true, std::memory_order_relaxed);
    places.push_back(*this);
}

guest_place::~guest_place() {
    const std::lock_guard guard(places_lock);
    if (kept()) give_up();
}

void guest_place::give_up() noexcept {
    scheduler& home = worker_.home();
    home.standing_down_.store(home.standing_down() - 1, std::memory_order_relaxed);
    kept_.store(false, std::memory_order_relaxed);
    places.remove(*this);
}

} // namespace weft::detail
