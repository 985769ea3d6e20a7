// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "twin.hpp"

namespace twins {
namespace {

std::vector<const twin*>& all() {
    static std::vector<const twin*> twins;
    return twins;
}

weft::clock::time_point begun;

void run(const twin& t) {
    std::printf("== %s\n", t.name);
    // What no task takes is no part of a log: asyncio tells it when the garbage collector comes by.
    weft::runtime rt({.exception_handler = [](const weft::exception_context&) {}},
                     weft::detail::testing_options{.virtual_time = true});
    rt.block_on([&t] {
        begun = weft::clock::now();
        t.body();
    });
}

} // namespace

twin::twin(const char* n, const char* r, void (*f)()) : name(n), rows(r), body(f) {
    all().push_back(this);
}

long seconds() {
    return std::chrono::duration_cast<std::chrono::seconds>(weft::clock::now() - begun).count();
}

void say_line(std::string line) { // NOLINT: one worker, one line at a time
    std::printf("%s\n", line.c_str());
}

std::string name_of(const std::exception_ptr& e) {
    try {
        std::rethrow_exception(e);
    } catch (const weft::cancelled_error& c) {
        return *c.what() == 0 ? "cancel" : std::string("cancel: ") + c.what();
    } catch (const error& x) { return x.what(); } catch (const weft::timeout_error&) {
        return "time-out";
    } catch (const weft::task_errors& group) {
        std::string names;
        for (const auto& x : group.exceptions()) names += (names.empty() ? "" : ", ") + name_of(x);
        return "group of " + names;
    } catch (const weft::invalid_state&) {
        return "invalid state";
    } catch (const weft::queue_full&) { return "queue full"; } catch (const weft::queue_empty&) {
        return "queue empty";
    } catch (const weft::broken_barrier&) {
        return "broken barrier";
    } catch (const std::exception&) { return "refusal"; }
}

} // namespace twins

int main(int argc, char** argv) {
    auto& twins = twins::all();
    // The order of the object files is the linker's; of the twins within one, that of the file.
    std::stable_sort(twins.begin(), twins.end(), [](auto* a, auto* b) {
        auto area = [](auto* t) { return std::string_view(t->name, std::strchr(t->name, '.')); };
        return area(a) < area(b);
    });
    for (const auto* t : twins)
        if (argc < 2 || std::any_of(argv + 1, argv + argc,
                                    [&](const char* name) { return !std::strcmp(name, t->name); }))
            twins::run(*t);
}
