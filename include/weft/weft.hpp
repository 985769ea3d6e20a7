// SPDX-License-Identifier: Apache-2.0
// The core of weft. Components have headers of their own: weft/http.hpp.
#pragma once

#include <weft/compute/gather.hpp>
#include <weft/executor/executor.hpp>
#include <weft/executor/thread_pool.hpp>
#include <weft/fiber/task_local.hpp>
#include <weft/greenlet/generator.hpp>
#include <weft/greenlet/greenlet.hpp>
#include <weft/io/wait_fd.hpp>
#include <weft/net/address.hpp>
#include <weft/net/tcp.hpp>
#include <weft/observe/metrics.hpp>
#include <weft/sched/blocking.hpp>
#include <weft/sync/barrier.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/latch.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/queue.hpp>
#include <weft/sync/select.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/sync/shared_mutex.hpp>
#include <weft/task/as_completed.hpp>
#include <weft/task/coroutine.hpp>
#include <weft/task/future.hpp>
#include <weft/task/runtime.hpp>
#include <weft/task/task.hpp>
#include <weft/task/task_group.hpp>
#include <weft/task/timeout.hpp>
#include <weft/task/wait.hpp>
