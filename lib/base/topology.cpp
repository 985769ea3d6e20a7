// SPDX-License-Identifier: Apache-2.0
#include "base/topology.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace weft::detail {
namespace {

namespace fs = std::filesystem;

std::vector<int> allowed_cpus() {
    for (std::size_t limit = 1024; limit <= (1U << 20);
         limit *= 4) { // the kernel says EINVAL while the mask is too small
        cpu_set_t* set = CPU_ALLOC(limit);
        const std::size_t bytes = CPU_ALLOC_SIZE(limit);
        std::vector<int> cpus;
        const bool known = sched_getaffinity(0, bytes, set) == 0;
        for (std::size_t cpu = 0; known && cpu < limit; ++cpu)
            if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(static_cast<int>(cpu));
        CPU_FREE(set);
        if (known) return cpus;
    }
    return {};
}

std::optional<double> smaller(std::optional<double> a, std::optional<double> b) {
    if (!a) return b;
    if (!b) return a;
    return std::min(*a, *b);
}

std::optional<double> quota_v2(const fs::path& folder) {
    std::ifstream file(folder / "cpu.max");
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period) || quota == "max" || period <= 0) return {};
    return std::atof(quota.c_str()) / period;
}

std::optional<double> quota_v1(const fs::path& folder) {
    double quota = 0, period = 0;
    std::ifstream(folder / "cpu.cfs_quota_us") >> quota;
    std::ifstream(folder / "cpu.cfs_period_us") >> period;
    if (quota <= 0 || period <= 0) return {};
    return quota / period;
}

// A limit above us binds as well: every folder from ours up to the root counts.
template <class Read>
std::optional<double> tightest(const fs::path& root, const fs::path& own, Read read) {
    std::optional<double> quota = read(root);
    fs::path at = root;
    for (const fs::path& part : own.relative_path()) quota = smaller(quota, read(at /= part));
    return quota;
}

} // namespace

std::optional<double> cgroup_quota(const fs::path& cgroup_root, const fs::path& self_cgroup) {
    std::optional<double> quota;
    std::ifstream file(self_cgroup);
    for (std::string line; std::getline(file, line);) { // hierarchy:controllers:path
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const fs::path own = line.substr(second + 1);
        if (controllers.empty()) {
            quota = smaller(quota, tightest(cgroup_root, own, quota_v2));
            continue;
        }
        std::istringstream names(controllers);
        for (std::string name; std::getline(names, name, ',');)
            if (name == "cpu")
                for (const char* mount : {"cpu", "cpu,cpuacct"})
                    quota = smaller(quota, tightest(cgroup_root / mount, own, quota_v1));
    }
    return quota;
}

unsigned usable_cores() {
    auto cores = static_cast<unsigned>(allowed_cpus().size());
    if (cores == 0) cores = std::max(1U, std::thread::hardware_concurrency());
    if (auto quota = cgroup_quota("/sys/fs/cgroup", "/proc/self/cgroup"))
        cores = std::min(cores, static_cast<unsigned>(std::max(1.0, std::ceil(*quota))));
    return cores;
}

int nth_allowed_cpu(unsigned n) {
    const std::vector<int> cpus = allowed_cpus();
    return cpus.empty() ? -1 : cpus[n % cpus.size()];
}

bool pin_this_thread(int cpu) noexcept {
    if (cpu < 0) return false;
    const std::size_t count = static_cast<std::size_t>(cpu) + 1;
    cpu_set_t* set = CPU_ALLOC(count);
    if (set == nullptr) return false;
    const std::size_t bytes = CPU_ALLOC_SIZE(count);
    CPU_ZERO_S(bytes, set);
    CPU_SET_S(static_cast<std::size_t>(cpu), bytes, set);
    const bool done = sched_setaffinity(0, bytes, set) == 0;
    CPU_FREE(set);
    return done;
}

} // namespace weft::detail
