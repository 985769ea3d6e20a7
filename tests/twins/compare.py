# SPDX-License-Identifier: Apache-2.0
"""Runs the twins and compares their logs. See compare."""
import difflib
import importlib
import inspect
import pathlib
import subprocess
import sys

import twin

HERE = pathlib.Path(__file__).resolve().parent
SHARED = ("twin", "compare")


def asyncio_twins():
    """Name to scenario: the coroutine functions without parameters in each area's file."""
    scenarios = {}
    for path in sorted(HERE.glob("*.py")):
        if path.stem in SHARED:
            continue
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            if (inspect.iscoroutinefunction(function) and function.__module__ == path.stem
                    and not inspect.signature(function).parameters):
                scenarios[f"{path.stem}.{name}"] = function
    return scenarios


def weft_logs(program, names):
    done = subprocess.run([program, *names], stdout=subprocess.PIPE, text=True, timeout=240)
    logs = {}
    for line in done.stdout.splitlines():
        if line.startswith("== "):
            log = logs[line[3:]] = []
        else:
            log.append(line)
    if done.returncode != 0:
        last = next(reversed(logs), "the first twin")
        sys.exit(f"{program} failed ({done.returncode}) in {last}")
    return logs


def diff(name, left, left_log, right, right_log):
    lines = difflib.unified_diff(left_log, right_log, left, right, lineterm="", n=99)
    return "\n".join([f"{name}:", *(f"    {line}" for line in lines)])


def judge(name, asyncio_log, weft_log, differs):
    """What is wrong, or None."""
    if differs is None:
        if weft_log != asyncio_log:
            return diff(name, "asyncio", asyncio_log, "weft", weft_log)
        return None
    reason, expected = differs
    if weft_log != expected:
        return diff(name, f"weft should ({reason})", expected, "weft", weft_log)
    if weft_log == asyncio_log and sys.version_info[:2] == (3, 11):
        return f"{name}: does not differ from asyncio, though the mark says so: {reason}"
    return None


def main():
    program, *names = sys.argv[1:]
    ours = weft_logs(program, names)
    theirs = asyncio_twins()
    if names:
        theirs = {name: theirs[name] for name in names}
    problems = [f"{name}: has no twin in Python" for name in ours if name not in theirs]
    problems += [f"{name}: has no twin in C++" for name in theirs if name not in ours]
    equal = 0
    for name in filter(ours.__contains__, theirs):
        differs = getattr(theirs[name], "differs", None)
        problem = judge(name, twin.run(theirs[name]), ours[name], differs)
        if problem:
            problems.append(problem)
        elif differs is None:
            equal += 1
    print("\n\n".join(problems))
    print(f"{len(theirs)} twins: {equal} equal, {len(theirs) - equal - len(problems)} differ on purpose, "
          f"{len(problems)} problems (asyncio of Python {sys.version.split()[0]})")
    return 1 if problems or not theirs else 0


sys.exit(main())
