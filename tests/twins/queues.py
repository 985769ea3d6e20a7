# SPDX-License-Identifier: Apache-2.0
"""Twins of queues.cpp."""
import asyncio

from twin import attempt, attempt_call, differs, say, seconds


async def first_in_first_out():
    q = asyncio.Queue()
    for n in range(3):
        q.put_nowait(n)
    say(q.qsize(), q.empty(), q.full())
    say(await q.get(), await q.get(), await q.get())
    say(q.qsize(), q.empty())


async def last_in_first_out():
    q = asyncio.LifoQueue()
    for n in range(3):
        await q.put(n)
    say(await q.get(), await q.get(), await q.get())


async def smallest_first():
    q = asyncio.PriorityQueue()
    for n in (5, 1, 4, 2, 3):
        await q.put(n)
    say(*[await q.get() for _ in range(5)])


async def a_full_queue_makes_the_producer_wait():
    q = asyncio.Queue(2)

    async def produce():
        for n in range(4):
            await q.put(n)
            say("put", n)

    async def consume():
        for _ in range(4):
            await asyncio.sleep(1)
            say("got", await q.get(), "at", seconds())

    p = asyncio.create_task(produce())
    c = asyncio.create_task(consume())
    await p
    await c


@differs("a place that falls free belongs at once to who waits for it: nobody overtakes", """
    got 0
    newcomer ends by queue full
    put 1
    got 1""")
async def a_newcomer_does_not_overtake():
    q = asyncio.Queue(1)
    q.put_nowait(0)

    async def put(n):
        await q.put(n)
        say("put", n)

    waits = asyncio.create_task(put(1))
    await asyncio.sleep(0)
    say("got", q.get_nowait())
    attempt_call("newcomer", lambda: q.put_nowait(2))
    await asyncio.sleep(0)
    say("got", q.get_nowait())
    await waits


async def an_empty_queue_makes_the_consumer_wait():
    q = asyncio.Queue()

    async def consume(name):
        while True:
            n = await q.get()
            if n < 0:
                break
            say(name, "got", n, "at", seconds())

    consumers = [asyncio.create_task(consume(name)) for name in ("a", "b")]
    for n in range(4):
        await asyncio.sleep(1)
        await q.put(n)
    for _ in consumers:
        await q.put(-1)
    for c in consumers:
        await c


async def without_waiting():
    q = asyncio.Queue(1)
    attempt_call("get", q.get_nowait)
    attempt_call("put", lambda: q.put_nowait(1))
    attempt_call("put", lambda: q.put_nowait(2))
    attempt_call("get", q.get_nowait)


async def a_cancelled_getter_takes_nothing():
    q = asyncio.Queue()

    async def get():
        return await q.get()

    first = asyncio.create_task(get())
    second = asyncio.create_task(get())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    q.put_nowait(1)
    await attempt("first", first)
    await attempt("second", second)
    say(q.qsize())


async def a_cancelled_putter_puts_nothing():
    q = asyncio.Queue(1)
    q.put_nowait(0)

    async def put(n):
        await q.put(n)

    first = asyncio.create_task(put(1))
    second = asyncio.create_task(put(2))
    await asyncio.sleep(0)
    first.cancel()
    await attempt("first", first)
    say(await q.get())
    await attempt("second", second)
    say(await q.get(), q.qsize())


@differs("an item that was given to a getter is its own; the cancel comes at its next wait", """
    first gets 1
    first ends by cancel
    2""")
async def a_getter_that_is_cancelled_when_it_has_its_item():
    q = asyncio.Queue()

    async def get():
        say("first gets", await q.get())
        await asyncio.sleep(0)

    first = asyncio.create_task(get())
    await asyncio.sleep(0)
    q.put_nowait(1)
    q.put_nowait(2)
    first.cancel()
    await attempt("first", first)
    say(await q.get())


async def several_places_at_once():
    q = asyncio.Queue(2)
    q.put_nowait(0)
    q.put_nowait(0)

    async def put(n):
        await q.put(n)
        say("put", n)

    putters = [asyncio.create_task(put(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    q.get_nowait()
    q.get_nowait()
    for t in putters:
        await t
    say(q.qsize())


async def joined_when_all_is_done():
    q = asyncio.Queue()
    await q.join()
    say("nothing to wait for")

    async def worker(name):
        while True:
            n = await q.get()
            await asyncio.sleep(n)
            say(name, "did", n, "at", seconds())
            q.task_done()

    for n in (3, 1, 2, 1):
        q.put_nowait(n)
    workers = [asyncio.create_task(worker(name)) for name in ("a", "b")]
    await q.join()
    say("joined at", seconds())
    for w in workers:
        w.cancel()
    for w in workers:
        await attempt("worker", w)


async def done_once_too_often():
    q = asyncio.Queue()
    q.put_nowait(1)
    q.get_nowait()
    q.task_done()
    attempt_call("task_done", q.task_done)
