// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1: a server. Component weft::http.
#pragma once

#include <weft/http/request.hpp>
#include <weft/http/response.hpp>
#include <weft/http/server.hpp>
