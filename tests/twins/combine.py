# SPDX-License-Identifier: Apache-2.0
"""Twins of combine.cpp: shield, gather, wait, as_completed."""
import asyncio

from twin import Error, attempt, differs, say, seconds


async def sleeper(n, value=None):
    try:
        await asyncio.sleep(n)
        say(f"{value} after {n}")
        return value
    except asyncio.CancelledError:
        say(value, "is cancelled")
        raise


async def failing(n, text):
    await asyncio.sleep(n)
    raise Error(text)


def text(values):
    return ", ".join(map(str, values))


async def shield_keeps_the_cancel_out():
    inner = asyncio.create_task(sleeper(2, "inner"))

    async def outer():
        await asyncio.shield(inner)

    t = asyncio.create_task(outer())
    await asyncio.sleep(1)
    t.cancel()
    await attempt("outer", t)
    say(inner.done(), seconds())
    await attempt("inner", inner)


async def shield_shows_the_outcome():
    value = asyncio.create_task(sleeper(1, "value"))
    await attempt("value", asyncio.shield(value))
    await attempt("value again", asyncio.shield(value))
    broken = asyncio.create_task(failing(1, "broken"))
    await attempt("broken", asyncio.shield(broken))


@differs("the message of a cancel comes through a shield, too", """
    inner is cancelled
    it ends by cancel: away""")
async def shield_of_one_that_is_cancelled():
    inner = asyncio.create_task(sleeper(9, "inner"))

    async def canceller():
        await asyncio.sleep(1)
        inner.cancel("away")

    c = asyncio.create_task(canceller())
    await attempt("it", asyncio.shield(inner))
    await c


async def shield_is_not_in_the_way_of_others():
    inner = asyncio.create_task(sleeper(2, "inner"))

    async def shielded():
        return await asyncio.shield(inner)

    async def plain():
        return await inner

    s = asyncio.create_task(shielded())
    p = asyncio.create_task(plain())
    await asyncio.sleep(1)
    s.cancel()
    await attempt("shielded", s)
    await attempt("plain", p)


async def gather_in_the_order_of_the_arguments():
    a = asyncio.create_task(sleeper(3, "a"))
    b = asyncio.create_task(sleeper(1, "b"))
    c = asyncio.create_task(sleeper(2, "c"))
    say(text(await asyncio.gather(a, b, c)), seconds())


async def gather_of_none_and_of_one_twice():
    say(len(await asyncio.gather()))
    t = asyncio.create_task(sleeper(1, "t"))
    say(text(await asyncio.gather(t, t)))


@differs("gather cancels and joins the others before it throws", """
    slow is cancelled
    gather ends by broken
    true 1""")
async def gather_of_one_that_fails():
    slow = asyncio.create_task(sleeper(2, "slow"))
    broken = asyncio.create_task(failing(1, "broken"))

    async def both():
        await asyncio.gather(slow, broken)

    await attempt("gather", both())
    say(slow.done(), seconds())
    await asyncio.wait([slow])


async def gather_fails_at_once_with_the_first_error():
    tasks = [asyncio.create_task(failing(n, f"error {n}")) for n in (3, 1, 2)]

    async def all_of_them():
        await asyncio.gather(*tasks)

    await attempt("gather", all_of_them())
    say(seconds())
    await asyncio.wait(tasks)


async def gather_that_is_cancelled():
    tasks = [asyncio.create_task(sleeper(9, n)) for n in range(3)]

    async def all_of_them():
        await asyncio.gather(*tasks)

    t = asyncio.create_task(all_of_them())
    await asyncio.sleep(1)
    say(t.cancel())
    await attempt("gather", t)
    say(*(t.cancelled() for t in tasks))


async def gather_of_one_that_somebody_cancels():
    a = asyncio.create_task(sleeper(1, "a"))

    async def both():
        await asyncio.gather(a)

    t = asyncio.create_task(both())
    await asyncio.sleep(0)
    a.cancel()
    await attempt("gather", t)
    say(t.cancelling())


async def settled():
    tasks = [
        asyncio.create_task(sleeper(2, "two")),
        asyncio.create_task(failing(1, "broken")),
        asyncio.create_task(sleeper(9, "nine")),
    ]
    await asyncio.sleep(0)
    tasks[2].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    say(outcomes[0])
    say(outcomes[1])
    say(isinstance(outcomes[2], asyncio.CancelledError), seconds())


async def settled_and_cancelled():
    tasks = [asyncio.create_task(sleeper(9, n)) for n in range(2)]

    async def all_of_them():
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        say("never")

    t = asyncio.create_task(all_of_them())
    await asyncio.sleep(1)
    t.cancel()
    await attempt("it", t)


def count(result):
    done, pending = result
    return f"{len(done)} done, {len(pending)} pending"


async def wait_for_all():
    tasks = [asyncio.create_task(sleeper(n, n)) for n in (2, 1)]
    say(count(await asyncio.wait(tasks)), seconds())
    say(count(await asyncio.wait(tasks)), seconds())


async def wait_for_the_first():
    tasks = [asyncio.create_task(sleeper(n, n)) for n in (3, 1, 2)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    say(count((done, pending)), seconds())
    say(text(t.result() for t in done))
    say(count(await asyncio.wait(pending)), seconds())


async def wait_for_the_first_exception():
    tasks = [asyncio.create_task(sleeper(n, n)) for n in (1, 3)]
    tasks.append(asyncio.create_task(failing(2, "broken")))
    say(count(await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)), seconds())
    say(count(await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)), seconds())
    say(count(await asyncio.wait(tasks)), seconds())


async def a_cancelled_one_is_no_exception_for_wait():
    tasks = [asyncio.create_task(sleeper(n, n)) for n in (2, 9)]
    await asyncio.sleep(1)
    tasks[1].cancel()
    say(count(await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)), seconds())


async def wait_with_a_limit():
    tasks = [asyncio.create_task(sleeper(n, n)) for n in (1, 3)]
    say(count(await asyncio.wait(tasks, timeout=2)), seconds())
    say(tasks[1].done())
    say(count(await asyncio.wait(tasks)), seconds())


async def wait_that_is_cancelled():
    tasks = [asyncio.create_task(sleeper(2, n)) for n in range(2)]

    async def waits():
        await asyncio.wait(tasks)

    t = asyncio.create_task(waits())
    await asyncio.sleep(1)
    t.cancel()
    await attempt("wait", t)
    say(count(await asyncio.wait(tasks)), seconds())


async def wait_for_one_given_twice():
    t = asyncio.create_task(sleeper(1, "t"))
    say(count(await asyncio.wait([t, t])))


@differs("waiting for all of none is over at once; for the first of none, it could never end", """
    wait for all gives 0 done, 0 pending
    wait for the first ends by refusal""")
async def wait_for_none():
    async def wait_for_all_of_none():
        return count(await asyncio.wait([]))

    await attempt("wait for all", wait_for_all_of_none())
    await attempt("wait for the first", asyncio.wait([], return_when=asyncio.FIRST_COMPLETED))


async def as_they_complete():
    tasks = [asyncio.create_task(sleeper(n, n)) for n in (3, 1, 2)]
    for f in asyncio.as_completed(tasks):
        say("takes", await f, "at", seconds())


async def as_they_complete_some_before():
    tasks = [asyncio.create_task(sleeper(n, n)) for n in (1, 2, 3)]
    await asyncio.sleep(2)
    await asyncio.sleep(0)
    for f in asyncio.as_completed(tasks[1:]):
        say("takes", await f, "at", seconds())
    say(await tasks[0])


async def as_they_fail():
    tasks = [asyncio.create_task(failing(2, "broken")), asyncio.create_task(sleeper(1, "good"))]
    for f in asyncio.as_completed(tasks):
        await attempt("next", f)


async def as_they_complete_within_a_limit():
    tasks = [asyncio.create_task(sleeper(n, n)) for n in (1, 3)]

    async def take():
        for f in asyncio.as_completed(tasks, timeout=2):
            say("takes", await f)

    await attempt("all", take())
    say(tasks[1].done(), seconds())
    await tasks[1]
