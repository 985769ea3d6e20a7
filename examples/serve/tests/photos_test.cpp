// SPDX-License-Identifier: Apache-2.0
#include "photos.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include <fstream>
#include <system_error>

using namespace serve;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

struct temporary_folder {
    temporary_folder() {
        std::string name = (fs::temp_directory_path() / "weft-photos-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~temporary_folder() { fs::remove_all(path); }
    void write(const char* name, std::string_view text) const {
        std::ofstream(path / name) << text;
    }

    fs::path path;
};

} // namespace

TEST_CASE("the index holds the folder's JPEG files and nothing else", "[serve]") {
    const temporary_folder folder;
    folder.write("a.jpg", "a");
    folder.write("B.JPEG", "b");
    folder.write("notes.txt", "n");
    fs::create_directory(folder.path / "folder.jpg");
    fs::create_symlink(folder.path / "a.jpg", folder.path / "link.jpg");
    fs::create_symlink(folder.path / "gone", folder.path / "dangling.jpg");

    const photo_folder photos(folder.path);
    REQUIRE(photos.size() == 3);
    REQUIRE(photos.find("a.jpg") != nullptr);
    REQUIRE(photos.find("B.JPEG") != nullptr);
    REQUIRE(photos.find("link.jpg") != nullptr);
    REQUIRE(*photos.find("a.jpg") == folder.path / "a.jpg");
    for (const char* other :
         {"notes.txt", "folder.jpg", "dangling.jpg", "", ".", "../a.jpg", "./a.jpg", "/etc/passwd"})
        REQUIRE(photos.find(other) == nullptr);
}

TEST_CASE("a folder that is not there is an error that names it", "[serve]") {
    REQUIRE_THROWS_WITH(photo_folder("/no/such/folder"),
                        Contains("/no/such/folder") && Contains("No such file"));
    REQUIRE(photo_folder().find("a.jpg") == nullptr);
}

TEST_CASE("only plain file names pass as such", "[serve]") {
    REQUIRE(is_plain_file_name("a.jpg"));
    REQUIRE(is_plain_file_name("..a.jpg"));
    for (std::string_view bad : {"", ".", "..", "../a.jpg", "/a.jpg", "a/b.jpg"})
        REQUIRE(!is_plain_file_name(bad));
    REQUIRE(!is_plain_file_name(std::string_view("a\0.jpg", 6)));
}

TEST_CASE("files are read whole, up to the limit", "[serve]") {
    const temporary_folder folder;
    folder.write("ten", "0123456789");
    folder.write("none", "");
    REQUIRE(read_file(folder.path / "ten", 10) == "0123456789");
    REQUIRE(read_file(folder.path / "none", 10).empty());
    REQUIRE_THROWS_AS(read_file(folder.path / "ten", 9), std::length_error);
    REQUIRE_THROWS_AS(read_file(folder.path / "gone", 10), std::system_error);
    REQUIRE(!read_file("/proc/self/status", 1 << 20).empty()); // says it has 0 bytes
}
