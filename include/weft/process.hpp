// SPDX-License-Identifier: Apache-2.0
// The component weft::process: calls in other processes. Serialised with cereal, whose headers it needs.
#pragma once

#include <weft/process/process_pool.hpp>
