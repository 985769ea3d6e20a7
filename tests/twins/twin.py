# SPDX-License-Identifier: Apache-2.0
"""What the twins share on asyncio's side: a log, and a loop under virtual time."""
import asyncio
import selectors
import sys

log = []


def _word(word):
    return str(word).lower() if isinstance(word, bool) else str(word)


def say(*words):
    """One line of the log."""
    log.append(" ".join(map(_word, words)))


class Error(Exception):
    """What the twins raise."""


def name_of(error):
    """What an exception is called in the log."""
    if isinstance(error, asyncio.CancelledError):
        return f"cancel: {error.args[0]}" if error.args and error.args[0] else "cancel"
    if isinstance(error, Error):
        return str(error)
    if isinstance(error, BaseExceptionGroup):
        return "group of " + ", ".join(map(name_of, error.exceptions))
    names = {
        TimeoutError: "time-out",
        asyncio.InvalidStateError: "invalid state",
        asyncio.QueueFull: "queue full",
        asyncio.QueueEmpty: "queue empty",
        asyncio.BrokenBarrierError: "broken barrier",
    }
    for kind, name in names.items():
        if isinstance(error, kind):
            return name
    return "refusal"


async def attempt(what, awaitable):
    """Says how it ended: what it gave, or what it raised."""
    try:
        value = await awaitable
    except BaseException as error:
        say(what, "ends by", name_of(error))
    else:
        say(what, "is done") if value is None else say(what, "gives", value)


def attempt_call(what, function):
    try:
        value = function()
    except BaseException as error:
        say(what, "ends by", name_of(error))
    else:
        say(what, "is done") if value is None else say(what, "gives", value)


def differs(reason, log_of_weft, before=None):
    """weft's log is another one, for this reason; `before`: CPython's is the same from this version on."""
    def mark(function):
        if before is None or sys.version_info < before:
            function.differs = (reason, [line.strip() for line in log_of_weft.strip().splitlines()])
        return function
    return mark


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer, makes it due."""
    now = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing is ready and no timer is set: this would hang")
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self.set_exception_handler(lambda loop, context: None)

    def time(self):
        return self._jumping.now


def seconds():
    """Virtual time since the scenario's beginning."""
    return int(asyncio.get_running_loop().time())


def run(scenario):
    """The scenario's log."""
    log.clear()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scenario())
    return list(log)
