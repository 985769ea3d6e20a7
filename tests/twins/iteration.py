# SPDX-License-Identifier: Apache-2.0
"""Twins of iteration.cpp: generators, async generators, context managers."""
import asyncio
import contextlib

from twin import Error, attempt, attempt_call, differs, say, seconds


async def yield_from():
    def inner():
        yield 3
        yield 4

    def outer():
        yield 1
        yield from inner()
        yield 2

    say(*outer())


async def send():
    def averager():
        total = count = 0
        while True:
            x = yield total
            total += x
            count += 1

    g = averager()
    say(next(g))
    for x in (1, 2, 3):
        say(g.send(x))


async def send_to_one_that_has_not_begun():
    def g():
        yield 1

    attempt_call("send", lambda: g().send(5))


async def throw():
    def body():
        try:
            yield 1
        except Error as e:
            say("catches", e)
        yield 2

    g = body()
    say(next(g))
    say(g.throw(Error("thrown in")))
    attempt_call("not caught", lambda: g.throw(Error("thrown again")))
    attempt_call("finished", lambda: g.throw(Error("too late")))
    attempt_call("not begun", lambda: body().throw(Error("too early")))


async def close():
    def body():
        try:
            yield 1
        except Exception:
            say("never")
        finally:
            say("cleans up")

    g = body()
    next(g)
    g.close()
    say("closed")
    g.close()
    body().close()
    say(next(g, "nothing"))


async def yield_in_spite_of_a_close():
    def body():
        try:
            yield 1
        finally:
            yield 2

    g = body()
    next(g)
    attempt_call("close", g.close)


async def a_cleanup_that_fails():
    def body():
        try:
            yield 1
        finally:
            raise Error("broken cleanup")

    g = body()
    next(g)
    attempt_call("close", g.close)


async def an_exception_of_the_body():
    def body():
        yield 1
        raise Error("broken")

    g = body()
    say(next(g))
    attempt_call("next", lambda: next(g))
    say(next(g, "nothing"))


async def one_that_asks_itself():
    def body():
        yield 1
        yield next(g)

    g = body()
    say(next(g))
    attempt_call("next", lambda: next(g))


async def send_through_yield_from():
    def inner():
        x = yield "inner waits"
        try:
            yield f"inner got {x}"
        except Error as e:
            yield f"inner caught {e}"

    def outer():
        yield from inner()
        yield "outer"

    g = outer()
    say(next(g))
    say(g.send("a word"))
    say(g.throw(Error("a stone")))
    say(next(g))


async def close_through_yield_from():
    def inner():
        try:
            yield 1
        finally:
            say("inner cleans up")

    def outer():
        try:
            yield from inner()
        finally:
            say("outer cleans up")

    g = outer()
    next(g)
    g.close()


async def two_by_turns():
    def count(first):
        for n in range(first, first + 3):
            yield n

    for a, b in zip(count(10), count(20)):
        say(a, b)


async def reader(count):
    for n in range(1, count):
        await asyncio.sleep(0)
        yield n


async def an_async_generator():
    total = 0
    async for n in reader(100):
        total += n
    say(total)


async def an_async_generator_lets_others_run():
    async def slow():
        for n in range(3):
            await asyncio.sleep(1)
            yield n

    async def ticker():
        for n in range(4):
            say("tick", n)
            await asyncio.sleep(1)

    t = asyncio.create_task(ticker())
    async for n in slow():
        say("item", n)
    await t


async def closing_an_async_generator():
    async def body():
        try:
            yield 1
            yield 2
        finally:
            say("cleanup begins")
            await asyncio.sleep(1)
            say("cleanup ends at", seconds())

    g = body()
    say(await anext(g))
    await g.aclose()
    say("closed")
    await g.aclose()
    await body().aclose()


@differs("leaving the loop closes the generator at once; in asyncio it takes aclosing", """
    item 1
    cleans up
    after the loop""")
async def leaving_the_loop():
    async def body():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            say("cleans up")

    async for n in body():
        say("item", n)
        break
    say("after the loop")
    await asyncio.sleep(1)


async def leaving_the_loop_with_aclosing():
    async def body():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            say("cleans up")

    async with contextlib.aclosing(body()) as g:
        async for n in g:
            say("item", n)
            break
    say("after the loop")


async def a_cancel_inside_an_async_generator():
    async def body():
        try:
            yield 1
            await asyncio.sleep(9)
            yield 2
        finally:
            say("generator leaves")

    async def consumer():
        try:
            async for n in body():
                say("item", n)
        finally:
            say("consumer leaves")

    t = asyncio.create_task(consumer())
    await asyncio.sleep(1)
    t.cancel()
    await attempt("it", t)


async def a_value_and_an_error_into_an_async_generator():
    async def body():
        x = yield 1
        await asyncio.sleep(0)
        try:
            yield x + 1
        except Error as e:
            await asyncio.sleep(0)
            say("catches", e)
        yield 3

    g = body()
    say(await anext(g))
    say(await g.asend(10))
    say(await g.athrow(Error("thrown in")))
    await g.aclose()


@contextlib.asynccontextmanager
async def connection(name):
    say("opens", name)
    await asyncio.sleep(1)
    try:
        yield name
    finally:
        await asyncio.sleep(1)
        say("closed", name, "at", seconds())


async def a_context_manager_that_waits():
    async with connection("a") as name:
        say("uses", name, "at", seconds())


async def context_managers_last_in_first_out():
    async def fails():
        async with connection("a"), connection("b"):
            raise Error("broken")

    await attempt("body", fails())


async def a_context_manager_and_a_cancel():
    async def body():
        async with connection("a"):
            await asyncio.sleep(9)

    t = asyncio.create_task(body())
    await asyncio.sleep(2)
    t.cancel()
    await attempt("it", t)
