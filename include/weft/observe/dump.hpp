// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

namespace weft {

class runtime;

/// Writes what every task of every runtime of this process does: its name and place of creation; whether it runs, is ready, or
/// waits, then for what, for how long (to about a millisecond) and, where it waits, its call stack, innermost first. Tasks that
/// wait for each other in a circle are named at the end; so is what nobody else serves: tasks that are pinned to a thread that
/// is busy, and the tasks and callbacks of an event_loop.
///
/// Nobody is stopped: each waiting task is looked at for some microseconds, in which whoever would wake it spins. So the dump
/// is not of one instant. The stacks of running tasks are shown if runtime_options::slow_task_stack is set.
///
/// Any thread, in a runtime or outside. Does not suspend while it looks; the text is written when it is complete. Throws
/// std::bad_alloc, and what the stream throws. Frames have names as far as the program's dynamic symbols tell (-rdynamic).
///
///     weft::run([] {
///         weft::get_running_loop().add_signal_handler(SIGUSR1, [] { weft::dump_tasks(std::cerr); });
///         serve();
///     });
void dump_tasks(std::ostream& to);
/// The same of one runtime.
void dump_tasks(std::ostream& to, runtime& of);

} // namespace weft
