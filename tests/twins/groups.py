# SPDX-License-Identifier: Apache-2.0
"""Twins of groups.cpp: task groups."""
import asyncio

from twin import Error, attempt, differs, say, seconds


async def child(n, length):
    try:
        say("child", n, "begins")
        await asyncio.sleep(length)
        say("child", n, "ends")
        return n
    except asyncio.CancelledError:
        say("child", n, "is cancelled")
        raise


async def fails(length, text):
    await asyncio.sleep(length)
    raise Error(text)


async def waits_for_its_children():
    async with asyncio.TaskGroup() as g:
        a = g.create_task(child(1, 2))
        b = g.create_task(child(2, 1))
        say("body ends")
    say(a.result(), b.result(), seconds())


async def of_none():
    async with asyncio.TaskGroup():
        say("body")
    say("after")


async def children_that_create_more():
    async with asyncio.TaskGroup() as g:
        async def parent():
            await asyncio.sleep(1)
            g.create_task(child(2, 1))
            say("created one more")

        g.create_task(parent())
    say(seconds())


async def a_child_that_fails():
    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(child(1, 9))
            g.create_task(fails(1, "broken"))

    await attempt("group", body())
    say(seconds())
    await asyncio.sleep(0)
    say("unharmed")


@differs("a group takes back its own request to its owner, as CPython does since 3.13", """
    group ends by group of broken
    requests 0""")
async def what_is_left_of_a_failure():
    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(fails(1, "broken"))

    await attempt("group", body())
    say("requests", asyncio.current_task().cancelling())


async def a_child_that_fails_while_the_body_waits():
    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(fails(1, "broken"))
            try:
                await asyncio.sleep(9)
            except asyncio.CancelledError:
                say("body is cancelled at", seconds())
                raise

    await attempt("group", body())
    say(asyncio.current_task().cancelling())


async def several_that_fail():
    async def fails_in_cleanup():
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            raise Error("broken cleanup")

    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(fails_in_cleanup())
            g.create_task(fails(1, "first"))
            g.create_task(fails(1, "second"))

    await attempt("group", body())


async def the_body_that_fails():
    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(child(1, 9))
            await asyncio.sleep(0)
            g.create_task(child(2, 9))
            raise Error("body broken")

    await attempt("group", body())


async def body_and_child_that_fail():
    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(fails(1, "child broken"))
            try:
                await asyncio.sleep(9)
            except asyncio.CancelledError:
                raise Error("body broken")

    await attempt("group", body())
    say(asyncio.current_task().cancelling())


async def a_child_that_is_cancelled_alone():
    async with asyncio.TaskGroup() as g:
        t = g.create_task(child(1, 9))
        g.create_task(child(2, 2))
        await asyncio.sleep(1)
        t.cancel()
    say(t.cancelled(), seconds())


async def the_owner_that_is_cancelled():
    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(child(1, 9))

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    t.cancel("why")
    await attempt("owner", t)
    say(seconds())


async def the_owner_that_is_cancelled_in_the_body():
    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(child(1, 9))
            await asyncio.sleep(9)

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    t.cancel()
    await attempt("owner", t)


async def the_owner_that_is_cancelled_and_a_cleanup_that_fails():
    async def fails_in_cleanup():
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            raise Error("broken cleanup")

    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(fails_in_cleanup())

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    t.cancel()
    await attempt("owner", t)


async def nested():
    async def inner():
        async with asyncio.TaskGroup() as g:
            g.create_task(fails(1, "inner broken"))
            g.create_task(child(1, 9))

    async def outer():
        async with asyncio.TaskGroup() as g:
            g.create_task(inner())
            g.create_task(child(2, 9))

    await attempt("outer", outer())


async def one_that_aborts_takes_no_more():
    async def body():
        async with asyncio.TaskGroup() as g:
            async def multiplies():
                try:
                    await asyncio.sleep(9)
                except asyncio.CancelledError:
                    never = child(7, 1)
                    try:
                        g.create_task(never)
                    except RuntimeError:
                        say("no more")
                        never.close()
                    raise

            g.create_task(multiplies())
            g.create_task(fails(1, "broken"))

    await attempt("group", body())


async def inside_a_timeout():
    async def body():
        async with asyncio.timeout(1):
            async with asyncio.TaskGroup() as g:
                g.create_task(child(1, 9))

    await attempt("it", body())
    say(seconds(), asyncio.current_task().cancelling())


async def a_timeout_inside():
    async def limited():
        async with asyncio.timeout(1):
            await asyncio.sleep(9)

    async def body():
        async with asyncio.TaskGroup() as g:
            g.create_task(child(1, 9))
            await attempt("limited", limited())
            raise Error("enough")

    await attempt("it", body())


@differs("a cancel that meets the failure of a child comes at the owner's next wait", """
    group ends by group of broken
    owner ends by cancel""")
async def a_failure_and_a_cancel_at_once():
    go = asyncio.Event()

    async def fails_then():
        await go.wait()
        raise Error("broken")

    async def group():
        async with asyncio.TaskGroup() as g:
            g.create_task(fails_then())

    async def body():
        await attempt("group", group())
        await asyncio.sleep(1)
        say("never")

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    go.set()
    t.cancel()
    await attempt("owner", t)


@differs("the failure of the outer group is not lost in the handling of the inner one's", """
    inner ends by group of inner broken
    outer ends by group of outer broken
    0""")
async def inner_and_outer_fail_at_once():
    go = asyncio.Event()

    async def fails_then(text):
        await go.wait()
        raise Error(text)

    async def inner():
        async with asyncio.TaskGroup() as g:
            g.create_task(fails_then("inner broken"))

    async def outer():
        async with asyncio.TaskGroup() as g:
            g.create_task(fails_then("outer broken"))
            await attempt("inner", inner())
            await asyncio.sleep(1)
            say("never")

    async def setter():
        await asyncio.sleep(1)
        go.set()

    s = asyncio.create_task(setter())
    await attempt("outer", outer())
    say(asyncio.current_task().cancelling())
    await s
