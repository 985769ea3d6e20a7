# SPDX-License-Identifier: Apache-2.0
"""Twins of tasks.cpp: when tasks begin, wait and end."""
import asyncio

from twin import Error, attempt, differs, say, seconds


async def start_order():
    async def body(n):
        say("begins", n)
        await asyncio.sleep(0)
        say("ends", n)

    tasks = [asyncio.create_task(body(n)) for n in range(3)]
    say("created")
    for t in tasks:
        await t
    say("awaited")


async def grandchildren():
    async def leaf(n):
        say("leaf", n)

    async def child(n):
        say("child", n)
        t = asyncio.create_task(leaf(n))
        await asyncio.sleep(0)
        say("child", n, "goes on")
        await t

    tasks = [asyncio.create_task(child(n)) for n in range(2)]
    for t in tasks:
        await t


async def a_call_lets_nobody_in():
    async def sibling():
        say("sibling")

    async def callee(x):
        say("callee")
        return x + 1

    t = asyncio.create_task(sibling())
    say("gives", await callee(1))
    await t


async def one_after_the_other():
    async def others():
        say("start")
        await asyncio.sleep(2)
        say("end")
        return "value"

    say(await others())
    say(await others(), seconds())


async def both_at_once():
    async def others():
        say("start")
        await asyncio.sleep(2)
        say("end")
        return "value"

    one = asyncio.create_task(others())
    two = asyncio.create_task(others())
    say(await one)
    say(await two, seconds())


async def yield_by_turns():
    async def body(n):
        for step in "ABC":
            say(n, step)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(body(n)) for n in (1, 2)]
    for t in tasks:
        await t


async def a_done_task_does_not_yield():
    async def quick():
        return 7

    async def sibling():
        say("sibling")

    done = asyncio.create_task(quick())
    await done
    t = asyncio.create_task(sibling())
    say(await done)
    say(await done)
    await t


async def waiters_in_order():
    async def worker():
        await asyncio.sleep(1)
        say("worker ends")
        return 5

    async def waiter(n):
        say(n, "gets", await w)

    w = asyncio.create_task(worker())
    waiters = [asyncio.create_task(waiter(n)) for n in range(4)]
    for t in waiters:
        await t


async def exceptions_through_the_chain():
    async def deep(x):
        await asyncio.sleep(0)
        if x > 1:
            raise Error("too much")
        return x

    async def middle(x):
        try:
            return await deep(x) + 1000
        finally:
            say("middle leaves")

    await attempt("one", middle(1))
    await attempt("two", middle(2))


async def a_failure_for_each_who_waits():
    async def fails():
        raise Error("broken")

    t = asyncio.create_task(fails())
    await attempt("first", t)
    await attempt("second", t)
    say(t.done(), t.cancelled())


async def names():
    async def body():
        await asyncio.sleep(0)
        say(asyncio.current_task().get_name())

    async def renames():
        await body()
        asyncio.current_task().set_name("later")

    one = asyncio.create_task(body(), name="n1")
    two = asyncio.create_task(renames(), name="n2")
    await one
    await two
    say(two.get_name())


async def a_task_that_awaits_itself():
    async def body():
        await asyncio.sleep(0)
        await itself

    itself = asyncio.create_task(body())
    await attempt("it", itself)


async def timers_by_deadline():
    async def body(n):
        await asyncio.sleep(n)
        say(n, "at", seconds())

    tasks = [asyncio.create_task(body(n)) for n in (3, 1, 2, 0)]
    for t in tasks:
        await t


@differs("equal deadlines fire in the order they were set", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9")
async def equal_deadlines():
    async def body(n):
        await asyncio.sleep(1)
        say(n)

    tasks = [asyncio.create_task(body(n)) for n in range(10)]
    for t in tasks:
        await t


async def who_is_left_is_cancelled():
    never = asyncio.Event()

    async def left():
        try:
            await never.wait()
        finally:
            say("cleans up")

    asyncio.create_task(left())
    await asyncio.sleep(0)
    say("main ends")


async def a_chain_of_tasks():
    async def link(n):
        if n == 0:
            return 0
        return await asyncio.create_task(link(n - 1)) + 1

    say(await link(100))


async def ensure_future_of_both():
    async def body():
        say("runs")
        return 3

    t = asyncio.ensure_future(body())
    say("made")
    say(asyncio.ensure_future(t) is t)
    say(await t)
