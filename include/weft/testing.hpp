// SPDX-License-Identifier: Apache-2.0
// For programs' own tests: runs with virtual time, in an order that a seed draws.
#pragma once

#include <weft/testing/run.hpp>
