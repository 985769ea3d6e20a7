// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace serve {

/// The JPEG files of one folder, by file name. Read once: a request can only name what is in the index, so whatever
/// it asks for, no path outside the folder is ever opened.
class photo_folder {
public:
    photo_folder() = default; ///< no folder: every name is unknown

    /// Throws std::runtime_error with a message for the user if there is no such folder or it can't be read.
    explicit photo_folder(const std::filesystem::path& folder);

    /// Null for a name that is not in the index.
    [[nodiscard]] const std::filesystem::path* find(std::string_view name) const;
    [[nodiscard]] std::size_t size() const { return files_.size(); }

private:
    std::map<std::string, std::filesystem::path, std::less<>> files_;
};

/// Whether this is the name of a file in a folder rather than a path to somewhere else.
bool is_plain_file_name(std::string_view name);

/// Reads a whole file. Blocks: call it on a thread that may. Throws std::system_error; std::length_error past `most`.
std::string read_file(const std::filesystem::path& path, std::size_t most);

} // namespace serve
