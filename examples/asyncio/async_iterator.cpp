// SPDX-License-Identifier: Apache-2.0
// An iterator whose steps wait: a class of one's own, or a generator.
//
//     $ build/release/examples/asyncio/async_iterator
//     the reader: 1 to 99
//     the generator: 1 to 99
#include <cstdio>
#include <optional>

#include <weft/weft.hpp>

namespace {

class reader {
public:
    std::optional<int> readline() {
        weft::yield(); // or wait for a socket
        if (++count_ == 100) return std::nullopt;
        return count_;
    }

private:
    int count_ = 0;
};

} // namespace

int main() {
    weft::run([] {
        reader r;
        int first = 0, last = 0;
        while (auto line = r.readline()) {
            if (first == 0) first = *line;
            last = *line;
        }
        std::printf("the reader: %d to %d\n", first, last);

        weft::generator<int> lines([r = reader()](auto& yield) mutable {
            while (auto line = r.readline()) yield(*line);
        });
        first = 0;
        for (int line : lines) {
            if (first == 0) first = line;
            last = line;
        }
        std::printf("the generator: %d to %d\n", first, last);
    });
}
