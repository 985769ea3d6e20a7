// SPDX-License-Identifier: Apache-2.0
// Work of a known length: CPU time in small units, and a blocking system call.
#pragma once

#include <chrono>
#include <cstdint>

namespace serve {

/// One unit is some tens of microseconds of real computing (a Fibonacci recursion): short enough that whoever spends
/// many of them can let others have the core in between.
void do_unit();

/// What one unit costs on this machine: the cheapest of many, so a busy neighbour does not make the unit look dearer.
/// Takes about 50 ms.
std::chrono::nanoseconds measure_unit();

/// How many units make up this much CPU time; at least one if there is anything to do at all.
std::uint64_t units_in(std::chrono::nanoseconds cpu_time, std::chrono::nanoseconds unit);

/// Spends about that much CPU time; says how many units it was.
std::uint64_t spend(std::chrono::nanoseconds cpu_time, std::chrono::nanoseconds unit);

/// A call that is over in a microsecond: what most look-ups in a local database are.
void call_quickly();

/// Keeps the calling thread in a system call for that long: what a database driver or an old library does.
void block(std::chrono::nanoseconds duration);

} // namespace serve
