# SPDX-License-Identifier: Apache-2.0
"""Twins of cancel.cpp: where a cancel arrives, and what becomes of it."""
import asyncio

from twin import Error, attempt, differs, say, seconds


async def before_it_begins():
    async def body():
        say("never")

    t = asyncio.create_task(body())
    say(t.cancel("early"))
    say(t.done())
    await attempt("it", t)
    say(t.cancelled(), t.cancel())


async def in_a_sleep():
    async def body():
        try:
            say("sleeps")
            await asyncio.sleep(100)
            say("never")
        finally:
            say("leaves at", seconds())

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    say(t.cancel())
    say(t.done(), t.cancelled())
    await attempt("it", t)
    say(t.done(), t.cancelled())


async def seen_and_passed_on():
    async def body():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError as e:
            say("sees", e.args[0])
            raise

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    t.cancel("why")
    await attempt("it", t)


async def swallowed():
    async def body():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            say("swallows")
        await asyncio.sleep(1)
        return 42

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    t.cancel()
    await attempt("it", t)
    say(t.cancelled(), t.cancelling(), seconds())


async def of_oneself():
    async def body():
        asyncio.current_task().cancel("mine")
        say("goes on")
        await asyncio.sleep(0)
        say("never")

    t = asyncio.create_task(body())
    await attempt("it", t)


async def of_oneself_at_the_end():
    async def body():
        asyncio.current_task().cancel()
        return "value"

    t = asyncio.create_task(body())
    await attempt("it", t)
    say(t.cancelled())


async def of_one_that_is_ready():
    async def body():
        for n in range(3):
            say(n)
            await asyncio.sleep(0)

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    say(t.cancel())
    await attempt("it", t)


@differs("what has completed keeps its effect; the cancel comes at the next wait", """
    true
    wakes
    it ends by cancel""")
async def of_one_that_was_woken_but_not_yet_run():
    async def body():
        await asyncio.sleep(1)
        say("wakes")
        await asyncio.sleep(0)
        say("never")

    async def other():
        await asyncio.sleep(1)
        say(t.cancel())

    o = asyncio.create_task(other())
    await asyncio.sleep(0)
    t = asyncio.create_task(body())
    await attempt("it", t)
    await o


@differs("what has completed keeps its effect; the cancel comes at the next wait", """
    true
    gets 4
    it ends by cancel
    4""")
async def after_what_it_waits_for_has_completed():
    future = asyncio.get_running_loop().create_future()

    async def body():
        say("gets", await future)
        await asyncio.sleep(0)
        say("never")

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    future.set_result(4)
    say(t.cancel())
    await attempt("it", t)
    say(await future)


async def inner_first():
    async def inner():
        try:
            await asyncio.sleep(100)
        finally:
            say("inner cleans up")
            await asyncio.sleep(1)
            say("inner has ended")

    async def outer():
        try:
            await asyncio.create_task(inner())
        finally:
            say("outer cleans up at", seconds())

    t = asyncio.create_task(outer())
    await asyncio.sleep(1)
    t.cancel()
    say("cancelled")
    await attempt("it", t)


async def innermost_first():
    async def link(n):
        try:
            if n == 0:
                await asyncio.sleep(100)
            else:
                await asyncio.create_task(link(n - 1))
        finally:
            say("leaves", n)

    t = asyncio.create_task(link(3))
    await asyncio.sleep(1)
    t.cancel("all")
    await attempt("it", t)


@differs("an accepted cancel is not lost: it comes at the outer's next wait", """
    inner swallows
    outer gets 5
    it ends by cancel""")
async def swallowed_by_the_inner():
    async def inner():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            say("inner swallows")
        return 5

    async def outer():
        say("outer gets", await asyncio.create_task(inner()))
        await asyncio.sleep(0)
        return "value"

    t = asyncio.create_task(outer())
    await asyncio.sleep(1)
    t.cancel()
    await attempt("it", t)


@differs("the cancel of one of several who wait ends only that wait", """
    one ends by cancel
    two gives value""")
async def one_of_two_who_wait():
    async def shared():
        await asyncio.sleep(2)
        return "value"

    async def waits():
        return await s

    s = asyncio.create_task(shared())
    one = asyncio.create_task(waits())
    two = asyncio.create_task(waits())
    await asyncio.sleep(1)
    one.cancel()
    await attempt("one", one)
    await attempt("two", two)


async def of_the_future_it_waits_for():
    future = asyncio.get_running_loop().create_future()

    async def body():
        await future

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    future.cancel("gone")
    await attempt("it", t)
    say(t.cancelled(), t.cancelling())


async def twice_before_it_arrives():
    async def body():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError as e:
            say("sees", e.args[0], asyncio.current_task().cancelling())
        await asyncio.sleep(1)
        return "one delivery"

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    say(t.cancel("first"), t.cancel("second"))
    await attempt("it", t)


async def again_during_the_cleanup():
    async def body():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError as e:
            say("sees", e.args[0])
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError as again:
                say("sees", again.args[0])
            await asyncio.sleep(1)
            say("cleaned up")
            raise

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    t.cancel("first")
    await asyncio.sleep(1)
    t.cancel("second")
    await attempt("it", t)
    say(seconds())


async def counted():
    async def body():
        me = asyncio.current_task()
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            say("requests", me.cancelling())
            say("left", me.uncancel())
            say("left", me.uncancel())
            say("left", me.uncancel())
        await asyncio.sleep(1)
        return "unharmed"

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    t.cancel()
    t.cancel()
    await attempt("it", t)
    say(t.cancelling())


@differs("a request that is withdrawn before it arrives does nothing", """
    withdraws 0
    it gives unharmed""")
async def withdrawn():
    async def body():
        me = asyncio.current_task()
        me.cancel()
        say("withdraws", me.uncancel())
        await asyncio.sleep(0)
        return "unharmed"

    await attempt("it", asyncio.create_task(body()))


async def cleanup_that_waits():
    lock = asyncio.Lock()

    async def body():
        try:
            await asyncio.sleep(100)
        finally:
            say("cleanup begins")
            async with lock:
                await asyncio.sleep(1)
            say("cleanup ends at", seconds())

    async def other():
        async with lock:
            await asyncio.sleep(3)
        say("other is done")

    o = asyncio.create_task(other())
    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    t.cancel()
    await attempt("it", t)
    await o


async def cleanup_that_fails():
    async def body():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            raise Error("broken cleanup")

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    t.cancel()
    await attempt("it", t)
    say(t.cancelled())


async def a_handler_of_ordinary_errors_does_not_see_it():
    async def body():
        try:
            await asyncio.sleep(100)
        except Exception:
            say("never")
        say("never")

    t = asyncio.create_task(body())
    await asyncio.sleep(0)
    t.cancel()
    await attempt("it", t)


async def what_need_not_wait_is_no_cancel_point():
    lock = asyncio.Lock()
    queue = asyncio.Queue()
    queue.put_nowait(1)

    async def body():
        asyncio.current_task().cancel()
        async with lock:
            say("has the lock")
        say("has", await queue.get())
        await asyncio.sleep(0)
        say("never")

    await attempt("it", asyncio.create_task(body()))


async def by_its_child():
    async def child(parent):
        say("child cancels", parent.cancel())

    async def body():
        c = asyncio.create_task(child(asyncio.current_task()))
        try:
            await c
            say("child has ended")
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            say("parent sees it")
            raise

    await attempt("it", asyncio.create_task(body()))


async def storm():
    async def body(n):
        try:
            await asyncio.sleep(100 - n)
        finally:
            say("leaves", n)

    tasks = [asyncio.create_task(body(n)) for n in range(5)]
    await asyncio.sleep(1)
    for t in reversed(tasks):
        t.cancel()
    for t in tasks:
        await attempt("it", t)
    say(seconds())
