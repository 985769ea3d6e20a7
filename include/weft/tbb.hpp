// SPDX-License-Identifier: Apache-2.0
// The component weft::tbb: oneTBB's arenas as executors. Needs oneTBB's headers and library.
#pragma once

#include <weft/tbb/tbb_executor.hpp>
