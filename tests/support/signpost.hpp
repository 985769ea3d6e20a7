// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace weft::testing {

/// Waits for a signpost.
inline int waits_for(const std::string& name) {
    while (access(name.c_str(), F_OK) != 0) usleep(1000);
    return 1;
}

/// What a call waits for, in whatever process it runs: a file that the test makes.
class signpost {
public:
    signpost() {
        char name[] = "/tmp/weft-signpost-XXXXXX";
        close(mkstemp(name));
        unlink(name);
        name_ = name;
    }
    ~signpost() { unlink(name_.c_str()); }
    signpost(const signpost&) = delete;
    signpost& operator=(const signpost&) = delete;
    void put_up() { close(creat(name_.c_str(), 0600)); }
    [[nodiscard]] const std::string& name() const { return name_; }

private:
    std::string name_;
};

} // namespace weft::testing
