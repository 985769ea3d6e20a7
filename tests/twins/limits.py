# SPDX-License-Identifier: Apache-2.0
"""Twins of limits.cpp: wait_for and timeout."""
import asyncio

from twin import Error, attempt, differs, say, seconds


async def sleeper(n, value):
    try:
        await asyncio.sleep(n)
        return value
    finally:
        say(value, "leaves at", seconds())


async def wait_for_in_time():
    await attempt("call", asyncio.wait_for(sleeper(1, "value"), 2))
    await attempt("task", asyncio.wait_for(asyncio.create_task(sleeper(1, "value")), 2))


async def wait_for_a_call_that_takes_too_long():
    async def body():
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            say("is cancelled at", seconds())
            await asyncio.sleep(1)
            say("has cleaned up")
            raise

    await attempt("call", asyncio.wait_for(body(), 2))
    say(seconds(), asyncio.current_task().cancelling())
    await asyncio.sleep(0)
    say("unharmed")


async def wait_for_a_task_that_takes_too_long():
    async def body():
        try:
            await asyncio.sleep(9)
        finally:
            await asyncio.sleep(1)
            say("has cleaned up")

    t = asyncio.create_task(body())
    await attempt("task", asyncio.wait_for(t, 2))
    say(t.cancelled(), seconds())


async def wait_for_one_that_swallows_it():
    async def body():
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            say("swallows")
        return "value"

    await attempt("task", asyncio.wait_for(asyncio.create_task(body()), 1))


async def wait_for_one_that_fails_then():
    async def body():
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            raise Error("broken cleanup")

    await attempt("call", asyncio.wait_for(body(), 1))
    await attempt("task", asyncio.wait_for(asyncio.create_task(body()), 1))


async def wait_for_no_time_at_all():
    async def body():
        say("never")

    async def quick():
        return "value"

    await attempt("call", asyncio.wait_for(body(), 0))
    done = asyncio.create_task(quick())
    await done
    await attempt("done task", asyncio.wait_for(done, 0))
    running = asyncio.create_task(sleeper(9, "running"))
    await asyncio.sleep(0)
    await attempt("running task", asyncio.wait_for(running, 0))
    say(running.cancelled())


async def wait_for_that_is_cancelled():
    inner = asyncio.create_task(sleeper(9, "inner"))

    async def body():
        try:
            await asyncio.wait_for(inner, 5)
        finally:
            say("outer leaves at", seconds())

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    t.cancel("why")
    await attempt("outer", t)
    say(inner.cancelled())


async def wait_for_a_shielded_task():
    inner = asyncio.create_task(sleeper(2, "inner"))
    await attempt("shield", asyncio.wait_for(asyncio.shield(inner), 1))
    await attempt("inner", inner)


async def wait_for_one_that_fails_in_time():
    async def body():
        await asyncio.sleep(1)
        raise Error("broken")

    await attempt("call", asyncio.wait_for(body(), 2))
    await attempt("task", asyncio.wait_for(asyncio.create_task(body()), 2))


@differs("the cancel that meets the value comes at the next wait, instead of nowhere", """
    true
    has value
    it ends by cancel""")
async def wait_for_one_that_has_just_completed():
    future = asyncio.get_running_loop().create_future()

    async def body():
        say("has", await asyncio.wait_for(future, 5))
        await asyncio.sleep(0)
        say("goes on")
        return "end"

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    future.set_result("value")
    say(t.cancel())
    await attempt("it", t)


async def timeout_that_passes():
    async def body():
        async with asyncio.timeout(2) as limit:
            try:
                await asyncio.sleep(9)
            except asyncio.CancelledError:
                say("inside: a cancel, expired:", limit.expired())
                raise

    await attempt("block", body())
    say(seconds(), asyncio.current_task().cancelling())


async def timeout_in_time():
    async with asyncio.timeout(2) as limit:
        await asyncio.sleep(1)
        say(limit.expired())
    say(limit.expired())
    await asyncio.sleep(5)
    say("unharmed")


async def timeouts_nested_the_inner_first():
    async def inner():
        async with asyncio.timeout(1):
            await asyncio.sleep(9)

    async def outer():
        async with asyncio.timeout(3):
            await attempt("inner", inner())
            await asyncio.sleep(9)

    await attempt("outer", outer())
    say(seconds())


async def timeouts_nested_the_outer_first():
    async def inner():
        async with asyncio.timeout(3):
            await asyncio.sleep(9)

    async def outer():
        async with asyncio.timeout(1):
            try:
                await inner()
            except asyncio.CancelledError:
                say("the inner one lets it through")
                raise

    await attempt("outer", outer())
    say(seconds(), asyncio.current_task().cancelling())


async def timeouts_with_one_deadline():
    async def inner():
        async with asyncio.timeout(1):
            await asyncio.sleep(9)

    async def outer():
        async with asyncio.timeout(1):
            try:
                await inner()
            except asyncio.CancelledError:
                say("the inner one lets it through")
                raise

    await attempt("outer", outer())


async def timeout_of_nothing():
    async def body():
        async with asyncio.timeout(0):
            say("begins")
            await asyncio.sleep(0)
            say("never")

    await attempt("block", body())


async def timeout_and_another_error():
    async def body():
        async with asyncio.timeout(1):
            try:
                await asyncio.sleep(9)
            except asyncio.CancelledError:
                raise Error("broken cleanup")

    await attempt("block", body())


async def timeout_that_is_swallowed_inside():
    async with asyncio.timeout(1) as limit:
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            say("swallows")
        await asyncio.sleep(1)
    say("goes on", limit.expired(), seconds())


async def timeout_and_a_cancel_from_elsewhere():
    async def body():
        async with asyncio.timeout(5):
            await asyncio.sleep(9)

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    t.cancel("elsewhere")
    await attempt("it", t)


async def timeout_that_is_moved():
    async def body():
        async with asyncio.timeout(1) as limit:
            limit.reschedule(asyncio.get_running_loop().time() + 3)
            await asyncio.sleep(2)
            say("still inside at", seconds())
            await asyncio.sleep(9)

    await attempt("block", body())
    say(seconds())


async def timeout_that_is_removed():
    async with asyncio.timeout(1) as limit:
        limit.reschedule(None)
        await asyncio.sleep(5)
        say(limit.when() is None, limit.expired())


@differs("a limit within the clean-up of another one is a limit", """
    cleanup ends by time-out
    block ends by time-out
    2""", before=(3, 11, 4))
async def timeout_in_the_cleanup_of_a_timeout():
    async def cleanup():
        async with asyncio.timeout(1):
            await asyncio.sleep(9)

    async def body():
        async with asyncio.timeout(1):
            try:
                await asyncio.sleep(9)
            finally:
                await attempt("cleanup", cleanup())

    await attempt("block", body())
    say(seconds())
