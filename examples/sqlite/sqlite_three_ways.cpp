// SPDX-License-Identifier: Apache-2.0
// SQLite, which knows nothing of tasks and blocks, called in three ways: as it stands, inside weft::blocking, and on a pool of
// threads. The tasks are the same in all three; while one blocks, its core goes on with others.
//
//     $ build/release/examples/sqlite/sqlite_three_ways
//     un-annotated: 8 queries, sum 1470583645600
//     blocking: 8 queries, sum 1470583645600
//     executor: 8 queries, sum 1470583645600
//     writers: 4 waited for one another, 400 rows
#include <sqlite3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <weft/weft.hpp>

namespace {

/// A connection, used by one task or thread at a time.
class database {
public:
    explicit database(const std::filesystem::path& file) {
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
        sqlite3* opened = nullptr;
        const int error = sqlite3_open_v2(file.c_str(), &opened, flags, nullptr);
        connection_.reset(opened);
        if (error != SQLITE_OK) fail();
        sqlite3_busy_timeout(opened, 60'000); // a locked database blocks the thread, in a sleep
    }

    /// The first column of the first row.
    long long ask(const char* sql) {
        sqlite3_stmt* made = nullptr;
        if (sqlite3_prepare_v2(connection_.get(), sql, -1, &made, nullptr) != SQLITE_OK) fail();
        const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(made,
                                                                              sqlite3_finalize);
        const int step = sqlite3_step(made);
        if (step != SQLITE_ROW && step != SQLITE_DONE) fail();
        return step == SQLITE_ROW ? sqlite3_column_int64(made, 0) : 0;
    }

private:
    [[noreturn]] void fail() const { throw std::runtime_error(sqlite3_errmsg(connection_.get())); }

    std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection_{nullptr, sqlite3_close};
};

long long sum_of_squares(const std::filesystem::path& file) {
    return database(file).ask(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 8200)"
        " SELECT sum(i * i) + (SELECT total FROM offsets) FROM n");
}

template <class Start>
void query_all(const char* how, Start start) {
    std::vector<weft::future<long long>> queries;
    for (int i = 0; i < 8; ++i) queries.push_back(start()); // all at once
    long long sum = 0;
    for (auto& q : queries) sum += weft::await(q);
    std::printf("%s: 8 queries, sum %lld\n", how, sum);
}

void insert_rows(const std::filesystem::path& file, int n) {
    database db(file);
    for (int i = 0; i < n; ++i) db.ask("INSERT INTO log DEFAULT VALUES");
}

void queries_and_writers(const std::filesystem::path& file) {
    query_all("un-annotated", [&]() -> weft::future<long long> {
        return weft::create_task([&] { return sum_of_squares(file); });
    });
    query_all("blocking", [&]() -> weft::future<long long> {
        return weft::create_task(
            [&] { return weft::blocking([&] { return sum_of_squares(file); }); });
    });
    weft::thread_pool_executor threads({.max_workers = 4});
    query_all("executor", [&] { return weft::run_in_executor(threads, sum_of_squares, file); });

    // One may write at a time: the others sleep inside SQLite until it is their turn.
    weft::with_task_group([&](weft::task_group& g) {
        for (int i = 0; i < 4; ++i)
            g.create_task([&] { weft::blocking([&] { insert_rows(file, 100); }); });
    });
    std::printf("writers: 4 waited for one another, %lld rows\n",
                database(file).ask("SELECT count(*) FROM log"));
}

} // namespace

int main() {
    const auto file = std::filesystem::temp_directory_path() /
                      ("weft-example-" + std::to_string(getpid()) + ".db");
    database setup(file);
    setup.ask("PRAGMA journal_mode = MEMORY");
    setup.ask("CREATE TABLE offsets AS SELECT 1000 AS total");
    setup.ask("CREATE TABLE log (id INTEGER PRIMARY KEY)");
    weft::run([&] { queries_and_writers(file); });
    std::filesystem::remove(file);
}
