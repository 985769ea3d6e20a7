// SPDX-License-Identifier: Apache-2.0
// The core of weft. Components have headers of their own: weft/http.hpp.
#pragma once

#include <weft/task/future.hpp>
#include <weft/task/runtime.hpp>
#include <weft/task/task.hpp>
