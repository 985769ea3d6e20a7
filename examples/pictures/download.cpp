// SPDX-License-Identifier: Apache-2.0
// Three pictures from a server: one after the other, all at once, and with a library that blocks: in place, on a pool of threads, in
// worker processes.
//
//     $ build/release/examples/pictures/download
//     one after the other: photo_1.jpg 120 x 90, photo_2.jpg 240 x 180, photo_3.jpg 360 x 270
//     all at once: photo_1.jpg 120 x 90, photo_2.jpg 240 x 180, photo_3.jpg 360 x 270
//     blocking, in place: photo_1.jpg 120 x 90, photo_2.jpg 240 x 180, photo_3.jpg 360 x 270
//     blocking, threads: photo_1.jpg 120 x 90, photo_2.jpg 240 x 180, photo_3.jpg 360 x 270
//     blocking, processes: photo_1.jpg 120 x 90, photo_2.jpg 240 x 180, photo_3.jpg 360 x 270
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <weft/process.hpp>
#include <weft/weft.hpp>

#include "photo_server.hpp"
#include "requests.hpp"

namespace {

using pictures = std::vector<std::string>;

/// What aiohttp is for asyncio: the task waits, its thread does not.
std::string fetch(const std::string& text) {
    const auto url = requests::url::parse(text);
    auto connection = weft::net::tcp_stream::connect(url.host, url.port);
    connection.write_all(requests::request_text(url));
    std::string answer;
    char buffer[16 * 1024];
    while (const std::size_t n = connection.read_some(buffer)) answer.append(buffer, n);
    return requests::body_of(answer);
}

pictures one_after_the_other(const std::vector<std::string>& urls) {
    pictures all;
    for (const auto& url : urls) all.push_back(fetch(url));
    return all;
}

/// start(url) gives a task, or the future of a call in an executor.
template <class Start>
pictures all_at_once(const std::vector<std::string>& urls, Start start) {
    std::vector<decltype(start(urls[0]))> downloads;
    for (const auto& url : urls) downloads.push_back(start(url));
    return weft::gather(downloads);
}

/// Saves them under the names in the URLs, reads them back and says what they are.
void save(const char* how, const std::vector<std::string>& urls, const pictures& all) {
    const auto folder =
        std::filesystem::temp_directory_path() / ("weft-pictures-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    std::printf("%s:", how);
    for (std::size_t i = 0; i < urls.size(); ++i) {
        const std::string name = urls[i].substr(urls[i].rfind('/') + 1);
        std::ofstream(folder / name, std::ios::binary) << all[i];
        std::ifstream file(folder / name, std::ios::binary);
        const std::string jpeg((std::istreambuf_iterator<char>(file)), {});
        const serve::image picture = serve::decode_jpeg(jpeg);
        std::printf("%s %s %u x %u", i == 0 ? "" : ",", name.c_str(), picture.width,
                    picture.height);
    }
    std::puts("");
    std::filesystem::remove_all(folder);
}

} // namespace

int main() {
    weft::run([] {
        photo_server server;
        const auto urls = server.urls();
        save("one after the other", urls, one_after_the_other(urls));

        server.answer_together(3); // whoever is not concurrent gets no answer from here on
        save("all at once", urls,
             all_at_once(urls, [](auto& url) { return weft::create_task(fetch, url); }));
        save("blocking, in place", urls, all_at_once(urls, [](auto& url) {
                 return weft::create_task(
                     [url] { return weft::blocking([&] { return requests::get(url); }); });
             }));
        weft::thread_pool_executor threads({.max_workers = 3});
        save("blocking, threads", urls, all_at_once(urls, [&](auto& url) {
                 return weft::run_in_executor(threads, requests::get, url);
             }));
        weft::process_pool_executor processes({.max_workers = 3});
        save("blocking, processes", urls, all_at_once(urls, [&](auto& url) {
                 return weft::run_in_executor(processes, requests::get, url);
             }));
    });
}
