# SPDX-License-Identifier: Apache-2.0
"""Twins of loop.cpp: callbacks, timers, and tasks among them."""
import asyncio

from twin import Error, differs, say, seconds


async def callbacks_in_the_order_of_the_calls():
    loop = asyncio.get_running_loop()
    for n in range(3):
        loop.call_soon(say, "callback", n)
    say("called")
    await asyncio.sleep(0)
    say("after a yield")


async def what_a_callback_schedules_comes_next_turn():
    loop = asyncio.get_running_loop()

    def a():
        say("a")
        loop.call_soon(say, "c")

    loop.call_soon(a)
    loop.call_soon(say, "b")
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def callbacks_and_tasks():
    loop = asyncio.get_running_loop()

    async def body(n):
        say("task", n)
        await asyncio.sleep(0)
        say("task", n, "goes on")

    loop.call_soon(say, "callback 1")
    first = asyncio.create_task(body(1))
    loop.call_soon(say, "callback 2")
    second = asyncio.create_task(body(2))
    loop.call_soon(say, "callback 3")
    await first
    await second


async def later_and_soon():
    loop = asyncio.get_running_loop()
    loop.call_later(2, say, 1)
    loop.call_later(1, say, 2)
    loop.call_soon(say, 3)
    await asyncio.sleep(3)
    say("at", seconds())


async def at_a_time():
    loop = asyncio.get_running_loop()
    now = loop.time()
    loop.call_at(now + 2, lambda: say("two", seconds()))
    loop.call_at(now + 1, lambda: say("one", seconds()))
    await asyncio.sleep(3)


async def in_the_past():
    loop = asyncio.get_running_loop()
    loop.call_later(-1, say, "a")
    loop.call_later(-2, say, "b")
    await asyncio.sleep(1)


@differs("equal deadlines fire in the order they were set", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9")
async def equal_deadlines():
    loop = asyncio.get_running_loop()
    when = loop.time() + 1
    for n in range(10):
        loop.call_at(when, say, n)
    await asyncio.sleep(2)


async def cancelled_handles():
    loop = asyncio.get_running_loop()
    soon = loop.call_soon(say, "never")
    later = loop.call_later(1, say, "never")
    kept = loop.call_later(1, say, "kept")
    soon.cancel()
    later.cancel()
    later.cancel()
    say(soon.cancelled(), later.cancelled(), kept.cancelled())
    await asyncio.sleep(2)


async def a_callback_that_throws():
    loop = asyncio.get_running_loop()

    def throws():
        say("throws")
        raise Error("broken callback")

    loop.call_soon(throws)
    loop.call_soon(say, "the next one")
    await asyncio.sleep(0)
    say("goes on")


async def a_callback_that_sets_a_future():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_later(2, future.set_result, "it")
    say(await future, seconds())


async def threadsafe_and_soon():
    loop = asyncio.get_running_loop()
    loop.call_soon_threadsafe(say, "a")
    loop.call_soon(say, "b")
    loop.call_soon_threadsafe(say, "c")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
