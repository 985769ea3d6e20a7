# SPDX-License-Identifier: Apache-2.0
"""Twins of futures.cpp: futures, callbacks, context variables."""
import asyncio
import contextvars

from twin import Error, attempt, attempt_call, differs, say, seconds


def new_future():
    return asyncio.get_running_loop().create_future()


async def set_by_a_task():
    future = new_future()

    async def set_after():
        await asyncio.sleep(2)
        future.set_result("666")

    await asyncio.create_task(set_after())
    say(await future, seconds())


async def not_done_and_done():
    future = new_future()
    say(future.done(), future.cancelled())
    attempt_call("result", future.result)
    attempt_call("exception", future.exception)
    future.set_result(1)
    say(future.done(), future.cancelled())
    attempt_call("result", future.result)
    attempt_call("set again", lambda: future.set_result(2))
    attempt_call("set an exception", lambda: future.set_exception(Error("late")))
    attempt_call("result", future.result)
    say(future.cancel())


async def a_failed_one():
    future = new_future()
    future.set_exception(Error("broken"))
    attempt_call("result", future.result)
    await attempt("await", future)
    say(future.cancelled(), future.cancel())


async def a_cancelled_one():
    future = new_future()
    say(future.cancel("gone"), future.done(), future.cancelled())
    await attempt("await", future)
    say(future.cancel())


async def several_who_wait():
    future = new_future()

    async def body(n):
        say(n, "gets", await future)

    tasks = [asyncio.create_task(body(n)) for n in range(3)]
    await asyncio.sleep(0)
    future.set_result("it")
    say("set")
    for t in tasks:
        await t


async def callbacks_in_order():
    future = new_future()
    for n in range(3):
        future.add_done_callback(lambda f, n=n: say("callback", n, f.result()))
    future.set_result(7)
    say("set")
    await asyncio.sleep(0)
    say("after a yield")


async def a_callback_on_a_done_future():
    future = new_future()
    future.set_result(7)
    future.add_done_callback(lambda f: say("callback", f.result()))
    say("added")
    await asyncio.sleep(0)
    say("after a yield")


async def callbacks_and_those_who_wait():
    future = new_future()

    async def body(n):
        await future
        say("task", n)

    future.add_done_callback(lambda f: say("callback 1"))
    first = asyncio.create_task(body(1))
    await asyncio.sleep(0)
    future.add_done_callback(lambda f: say("callback 2"))
    second = asyncio.create_task(body(2))
    await asyncio.sleep(0)
    future.add_done_callback(lambda f: say("callback 3"))
    future.set_result(None)
    await first
    await second


async def a_callback_that_adds_another():
    future = new_future()

    def adds(f):
        say("first")
        f.add_done_callback(lambda _: say("added"))

    future.add_done_callback(adds)
    future.add_done_callback(lambda f: say("second"))
    future.set_result(None)
    for _ in range(3):
        await asyncio.sleep(0)


async def a_callback_of_a_task():
    async def body():
        say("body")
        return 3

    t = asyncio.create_task(body())
    t.add_done_callback(lambda f: say("callback", f.result()))
    say(await t)


async def a_callback_that_throws():
    future = new_future()

    def throws(f):
        say("throws")
        raise Error("broken callback")

    future.add_done_callback(throws)
    future.add_done_callback(lambda f: say("the next one runs"))
    future.set_result(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    say("goes on")


variable = contextvars.ContextVar("variable", default="initial")


async def a_child_has_its_creators_value():
    async def child():
        say("child sees", variable.get())
        variable.set("child's")
        await asyncio.sleep(0)
        say("child sees", variable.get())

    variable.set("parent's")
    t = asyncio.create_task(child())
    variable.set("later")
    await t
    say("parent sees", variable.get())


async def each_task_its_own_value():
    async def body(n):
        say(n, "begins with", variable.get())
        variable.set(f"value {n}")
        await asyncio.sleep(3 - n)
        say(n, "has", variable.get())

    tasks = [asyncio.create_task(body(n)) for n in range(3)]
    for t in tasks:
        await t


async def a_call_shares_its_callers_value():
    async def callee():
        variable.set("callee's")

    variable.set("caller's")
    await callee()
    say(variable.get())


async def a_callback_has_the_value_of_who_added_it():
    future = new_future()
    variable.set("at the adding")
    future.add_done_callback(lambda f: say(variable.get()))
    variable.set("later")
    future.add_done_callback(lambda f: say(variable.get()))

    async def sets():
        variable.set("the setter's")
        future.set_result(None)

    await asyncio.create_task(sets())
    await asyncio.sleep(0)


@differs("a promise that goes away unset breaks it, instead of letting it wait for ever", """
    it ends by refusal""")
async def one_that_nobody_will_set():
    future = new_future()

    async def body():
        await future

    t = asyncio.create_task(body())
    await asyncio.sleep(1)
    if t.done():
        await attempt("it", t)
    else:
        say("it waits for ever")
