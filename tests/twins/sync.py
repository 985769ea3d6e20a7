# SPDX-License-Identifier: Apache-2.0
"""Twins of sync.cpp: locks, events, conditions, semaphores, barriers."""
import asyncio

from twin import attempt, differs, say, seconds


async def all_of(tasks):
    for t in tasks:
        await t


async def a_lock_in_order_of_arrival():
    lock = asyncio.Lock()

    async def body(n):
        async with lock:
            say(n, "has it at", seconds())
            await asyncio.sleep(1)
        say(n, "gave it back")

    await all_of([asyncio.create_task(body(n)) for n in range(4)])


async def a_lock_is_not_taken_again_before_those_who_wait():
    lock = asyncio.Lock()

    async def body(n):
        for turn in range(2):
            async with lock:
                say(n, "turn", turn)
                await asyncio.sleep(0)

    await all_of([asyncio.create_task(body(n)) for n in range(2)])


async def a_lock_and_a_cancelled_waiter():
    lock = asyncio.Lock()

    async def body(n):
        async with lock:
            say(n, "has it")

    await lock.acquire()
    tasks = [asyncio.create_task(body(n)) for n in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    lock.release()
    for t in tasks:
        await attempt("it", t)
    say(lock.locked())


async def a_lock_is_free_after_a_cancel():
    lock = asyncio.Lock()

    async def holder():
        async with lock:
            await asyncio.sleep(9)

    async def next_one():
        async with lock:
            say("next one has it at", seconds())

    h = asyncio.create_task(holder())
    n = asyncio.create_task(next_one())
    await asyncio.sleep(1)
    h.cancel()
    await attempt("holder", h)
    await n


async def an_event_wakes_all_in_order():
    event = asyncio.Event()

    async def body(n):
        await event.wait()
        say(n, "goes on")

    tasks = [asyncio.create_task(body(n)) for n in range(4)]
    await asyncio.sleep(0)
    event.set()
    say("set", event.is_set())
    await all_of(tasks)
    await event.wait()
    say("no wait")


async def an_event_set_and_cleared_at_once():
    event = asyncio.Event()

    async def body(n):
        await event.wait()
        say(n, "goes on", event.is_set())

    tasks = [asyncio.create_task(body(n)) for n in range(3)]
    await asyncio.sleep(0)
    event.set()
    event.clear()
    await all_of(tasks)


async def an_event_and_a_cancelled_waiter():
    event = asyncio.Event()

    async def body(n):
        await event.wait()
        say(n, "goes on")

    tasks = [asyncio.create_task(body(n)) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    event.set()
    for t in tasks:
        await attempt("it", t)


async def a_condition_wakes_as_many_as_it_is_told():
    condition = asyncio.Condition()

    async def body(n):
        async with condition:
            await condition.wait()
            say(n, "woken, lock held:", condition.locked())

    tasks = [asyncio.create_task(body(n)) for n in range(5)]
    await asyncio.sleep(0)
    for n in (1, 2, 9):
        async with condition:
            condition.notify(n)
            say("notifies", n)
        await asyncio.sleep(1)
    await all_of(tasks)


async def a_condition_wakes_all():
    condition = asyncio.Condition()

    async def body(n):
        async with condition:
            await condition.wait()
            say(n, "is woken")
            await asyncio.sleep(1)

    tasks = [asyncio.create_task(body(n)) for n in range(3)]
    await asyncio.sleep(0)
    async with condition:
        condition.notify_all()
    await all_of(tasks)
    say(seconds())


async def a_condition_with_a_predicate():
    condition = asyncio.Condition()
    value = 0

    async def body():
        async with condition:
            await condition.wait_for(lambda: value >= 2)
            say("sees", value)

    t = asyncio.create_task(body())
    for n in range(1, 4):
        await asyncio.sleep(1)
        async with condition:
            value = n
            say("sets", n)
            condition.notify()
    await t


async def a_condition_and_a_cancelled_waiter():
    condition = asyncio.Condition()

    async def body():
        async with condition:
            try:
                await condition.wait()
            finally:
                say("holds the lock again:", condition.locked())

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    async with condition:
        t.cancel()
        await asyncio.sleep(0)
        say("it waits for the lock:", not t.done())
    await attempt("it", t)
    say(condition.locked())


@differs("a notification is not lost with the waiter that is cancelled: the next one gets it", """
    second takes the item
    first ends by cancel
    second is done""")
async def a_condition_and_a_waiter_that_is_cancelled_after_its_notification():
    condition = asyncio.Condition()
    items = 0

    async def body(name):
        nonlocal items
        async with condition:
            await condition.wait()
            items -= 1
            say(name, "takes the item")

    first = asyncio.create_task(body("first"))
    second = asyncio.create_task(body("second"))
    await asyncio.sleep(0)
    async with condition:
        items += 1
        condition.notify()
        first.cancel()
    await attempt("first", first)
    await asyncio.sleep(1)
    if not second.done():
        second.cancel()
    await attempt("second", second)


async def a_semaphore_in_order_of_arrival():
    semaphore = asyncio.Semaphore(2)

    async def body(n):
        async with semaphore:
            say(n, "in at", seconds())
            await asyncio.sleep(1)

    await all_of([asyncio.create_task(body(n)) for n in range(5)])


async def a_semaphore_and_a_cancelled_waiter():
    semaphore = asyncio.Semaphore(0)

    async def body(n):
        await semaphore.acquire()
        say(n, "has it")

    tasks = [asyncio.create_task(body(n)) for n in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    semaphore.release()
    semaphore.release()
    for t in tasks:
        await attempt("it", t)
    say(semaphore.locked())


async def a_bounded_semaphore_refuses_one_too_many():
    semaphore = asyncio.BoundedSemaphore(2)
    await semaphore.acquire()
    semaphore.release()
    try:
        semaphore.release()
        say("never")
    except ValueError:
        say("refuses")


async def a_barrier_goes_round_by_round():
    barrier = asyncio.Barrier(3)

    async def body(n):
        for turn in range(2):
            await asyncio.sleep(n)
            await barrier.wait()
            say(turn, "at", seconds())

    await all_of([asyncio.create_task(body(n)) for n in range(3)])


async def a_barrier_gives_each_a_number():
    barrier = asyncio.Barrier(3)
    numbers = []

    async def body(n):
        numbers.append(await barrier.wait())

    await all_of([asyncio.create_task(body(n)) for n in range(3)])
    say(*sorted(numbers))


async def a_barrier_and_a_cancelled_waiter():
    barrier = asyncio.Barrier(2)

    async def body(n):
        await barrier.wait()
        say(n, "is through")

    first = asyncio.create_task(body(1))
    await asyncio.sleep(0)
    first.cancel()
    await attempt("first", first)
    second = asyncio.create_task(body(2))
    await asyncio.sleep(1)
    say("second waits:", not second.done())
    third = asyncio.create_task(body(3))
    await attempt("second", second)
    await attempt("third", third)


async def a_barrier_that_is_aborted():
    barrier = asyncio.Barrier(3)

    async def body():
        await barrier.wait()

    tasks = [asyncio.create_task(body()) for _ in range(2)]
    await asyncio.sleep(0)
    await barrier.abort()
    for t in tasks:
        await attempt("it", t)
    await attempt("later", barrier.wait())
    say(barrier.broken)
    await barrier.reset()
    say(barrier.broken)
    again = [asyncio.create_task(body()) for _ in range(3)]
    for t in again:
        await attempt("it", t)
