// SPDX-License-Identifier: Apache-2.0
#include "base/topology.hpp"

#include <catch2/catch.hpp>

#include <sched.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "support/child.hpp"

using namespace weft::detail;
using namespace weft::testing;

namespace {

namespace fs = std::filesystem;

// A folder that looks like /sys/fs/cgroup, and a file that looks like /proc/self/cgroup.
class fake_cgroups {
public:
    fake_cgroups() {
        std::string name = (fs::temp_directory_path() / "weft-cgroup-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        top_ = name;
        fs::create_directories(root());
    }
    ~fake_cgroups() {
        std::error_code ignored;
        fs::remove_all(top_, ignored);
    }
    fake_cgroups(const fake_cgroups&) = delete;
    fake_cgroups& operator=(const fake_cgroups&) = delete;

    void self(const std::string& lines) { write(top_ / "self", lines); }
    void v2(const fs::path& group, const std::string& max) {
        write(root() / group / "cpu.max", max);
    }
    void v1(const fs::path& group, const std::string& quota, const std::string& period = "100000") {
        write(root() / group / "cpu.cfs_quota_us", quota);
        write(root() / group / "cpu.cfs_period_us", period);
    }
    [[nodiscard]] std::optional<double> quota() const {
        return cgroup_quota(root(), top_ / "self");
    }

private:
    [[nodiscard]] fs::path root() const { return top_ / "cgroup"; }
    static void write(const fs::path& file, const std::string& text) {
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text << '\n';
    }
    fs::path top_;
};

} // namespace

TEST_CASE("without any cgroup file there is no quota", "[base]") {
    fake_cgroups c;
    CHECK(c.quota() == std::nullopt);
    c.self("0::/a/b");
    CHECK(c.quota() == std::nullopt);
    c.self("what is this");
    CHECK(c.quota() == std::nullopt);
    c.self("");
    CHECK(c.quota() == std::nullopt);
}

TEST_CASE("a quota of cgroup v2 is its quota by its period", "[base]") {
    fake_cgroups c;
    c.self("0::/a/b");
    c.v2("a/b", "250000 100000");
    CHECK(c.quota() == 2.5);
    c.v2("a/b", "10000 50000");
    CHECK(c.quota() == 0.2);
    c.v2("a/b", "max 100000");
    CHECK(c.quota() == std::nullopt);
    c.v2("a/b", "100000 0");
    CHECK(c.quota() == std::nullopt);
}

TEST_CASE("of nested limits of cgroup v2 the tightest counts, wherever it is", "[base]") {
    fake_cgroups c;
    c.self("0::/a/b/c");
    c.v2("a/b/c", "300000 100000");
    CHECK(c.quota() == 3.0);
    c.v2("a", "200000 100000"); // a/b has no file at all
    CHECK(c.quota() == 2.0);
    c.v2("", "100000 100000"); // a container sees its own limit at the root
    CHECK(c.quota() == 1.0);
    c.v2("", "max 100000");
    CHECK(c.quota() == 2.0);
    c.v2("a/other", "10000 100000"); // not ours
    CHECK(c.quota() == 2.0);
}

TEST_CASE("a process in the root group of cgroup v2 has the root's limit", "[base]") {
    fake_cgroups c;
    c.self("0::/");
    c.v2("", "150000 100000");
    CHECK(c.quota() == 1.5);
}

TEST_CASE("a quota of cgroup v1 is found under either name of its mount", "[base]") {
    const std::string mount = GENERATE("cpu", "cpu,cpuacct");
    CAPTURE(mount);
    fake_cgroups c;
    c.self("12:memory:/a\n4:cpu,cpuacct:/a/b\n1:name=systemd:/x");
    CHECK(c.quota() == std::nullopt);
    c.v1(fs::path(mount) / "a/b", "150000");
    CHECK(c.quota() == 1.5);
    c.v1(fs::path(mount) / "a/b", "-1"); // none
    CHECK(c.quota() == std::nullopt);
    c.v1(fs::path(mount) / "a", "400000", "200000");
    CHECK(c.quota() == 2.0);
    c.v1(mount, "50000");
    CHECK(c.quota() == 0.5);
}

TEST_CASE("a controller whose name only contains cpu says nothing of cores", "[base]") {
    fake_cgroups c;
    c.self("3:cpuset:/a\n5:cpuacct:/a");
    c.v1("cpu/a", "100000");
    CHECK(c.quota() == std::nullopt);
}

TEST_CASE("with both versions of cgroups mounted the tighter limit counts", "[base]") {
    fake_cgroups c;
    c.self("4:cpu:/a\n0::/a");
    c.v1("cpu/a", "300000");
    c.v2("a", "200000 100000");
    CHECK(c.quota() == 2.0);
    c.v1("cpu/a", "100000");
    CHECK(c.quota() == 1.0);
}

TEST_CASE("there is a core to use, and no more than there are", "[base]") {
    CHECK(usable_cores() >= 1);
    CHECK(usable_cores() <= std::max(1U, std::thread::hardware_concurrency()));
}

TEST_CASE("the affinity mask limits the cores, and says which they are", "[base]") {
    const int last = nth_allowed_cpu(usable_cores() - 1);
    REQUIRE(last >= 0);
    const child_end end = in_child([last] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(last), &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0) return 1;
        if (usable_cores() != 1) return 2;
        for (const unsigned n : {0U, 1U, 7U})
            if (nth_allowed_cpu(n) != last) return 3;
        return 0;
    });
    CHECK(end.exited_with(0));
}

TEST_CASE("a pinned thread stays on its core, and on none that is not there", "[base]") {
    const int cpu = nth_allowed_cpu(usable_cores() - 1);
    bool pinned = false, none = true, beyond = true;
    int now = -1;
    std::thread([&] {
        none = pin_this_thread(-1);
        beyond = pin_this_thread(100'000);
        pinned = pin_this_thread(cpu);
        now = sched_getcpu();
    }).join();
    CHECK_FALSE(none);
    CHECK_FALSE(beyond);
    CHECK(pinned);
    CHECK(now == cpu);
}
