// SPDX-License-Identifier: Apache-2.0
#include "photos.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace serve {
namespace {

namespace fs = std::filesystem;

bool has_jpeg_suffix(const fs::path& path) {
    std::string suffix = path.extension().string();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return suffix == ".jpg" || suffix == ".jpeg";
}

[[noreturn]] void fail(const fs::path& path) {
    throw std::system_error(errno, std::generic_category(), path.string());
}

class open_file {
public:
    explicit open_file(const fs::path& path)
        : path_(path),
          fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        if (fd_ < 0) fail(path_);
    }
    open_file(const open_file&) = delete;
    open_file& operator=(const open_file&) = delete;
    ~open_file() { ::close(fd_); }

    [[nodiscard]] std::size_t size() const {
        struct stat about {};
        if (fstat(fd_, &about) != 0) fail(path_);
        return static_cast<std::size_t>(about.st_size);
    }

    // 0 at the end of the file
    std::size_t read(char* into, std::size_t count) const {
        for (;;) {
            const ssize_t n = ::read(fd_, into, count);
            if (n >= 0) return static_cast<std::size_t>(n);
            if (errno != EINTR) fail(path_);
        }
    }

private:
    const fs::path& path_;
    int fd_;
};

} // namespace

photo_folder::photo_folder(const fs::path& folder) {
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    if (error)
        throw std::runtime_error(
            fmt::format("can't read the photo folder {}: {}", folder.string(), error.message()));
    for (const fs::directory_entry& entry : entries)
        // a link that leads nowhere is no regular file: left out, not an error
        if (has_jpeg_suffix(entry.path()) && entry.is_regular_file(error))
            files_.emplace(entry.path().filename().string(), entry.path());
}

const fs::path* photo_folder::find(std::string_view name) const {
    const auto found = files_.find(name);
    return found == files_.end() ? nullptr : &found->second;
}

bool is_plain_file_name(std::string_view name) {
    const bool has_separator = name.find('/') != name.npos || name.find('\0') != name.npos;
    return !name.empty() && name != "." && name != ".." && !has_separator;
}

std::string read_file(const fs::path& path, std::size_t most) {
    const open_file file(path);
    std::string bytes;
    std::size_t filled = 0;
    // One byte more than expected, so that the end is seen, and also that a file has grown meanwhile.
    for (std::size_t room = file.size() + 1; filled <= most && room <= most + 1;
         room = 2 * filled) {
        bytes.resize(room);
        while (const std::size_t n = file.read(bytes.data() + filled, bytes.size() - filled))
            filled += n;
        if (filled == bytes.size()) continue;
        bytes.resize(filled);
        return bytes;
    }
    throw std::length_error(fmt::format("{} has more than {} bytes", path.string(), most));
}

} // namespace serve
