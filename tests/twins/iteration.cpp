// SPDX-License-Identifier: Apache-2.0
// Twins of iteration.py: generators, async generators, context managers.
#include <exception>
#include <optional>

#include "twin.hpp"

namespace twins {
namespace {

using weft::generator;

std::exception_ptr thrown(const char* text) { return std::make_exception_ptr(error(text)); }

/// Python's next: an empty one throws.
template <class Out, class In>
Out next(generator<Out, In>& g) {
    return g.next().value();
}
template <class Out, class In>
void say_next_or_nothing(generator<Out, In>& g) {
    if (auto value = g.next())
        say(*value);
    else
        say("nothing");
}

const twin yield_from("iteration.yield_from", "GEN-01", [] {
    auto inner = [](auto& yield) {
        yield(3);
        yield(4);
    };
    generator<int> outer([&](auto& yield) {
        yield(1);
        yield.from(generator<int>(inner));
        yield(2);
    });
    std::string all;
    for (int x : outer) all += (all.empty() ? "" : " ") + std::to_string(x);
    say(all);
});

const twin send("iteration.send", "GEN-06", [] {
    generator<int, int> g([](auto& yield) {
        for (int total = 0;;) total += yield(total);
    });
    say(next(g));
    for (int x : {1, 2, 3}) say(g.send(x).value());
});

const twin send_to_one_that_has_not_begun("iteration.send_to_one_that_has_not_begun", "GEN-06", [] {
    attempt("send", [] {
        generator<int, int> g([](auto& yield) { yield(1); });
        return g.send(5).value();
    });
});

const twin throw_in("iteration.throw", "GEN-07", [] {
    auto body = [](auto& yield) {
        try {
            yield(1);
        } catch (const error& e) { say("catches", e.what()); }
        yield(2);
    };
    generator<int> g(body);
    say(next(g));
    say(g.throw_in(thrown("thrown in")).value());
    attempt("not caught", [&] { g.throw_in(thrown("thrown again")); });
    attempt("finished", [&] { g.throw_in(thrown("too late")); });
    attempt("not begun", [&] { generator<int>(body).throw_in(thrown("too early")); });
});

const twin close("iteration.close", "GEN-08 GEN-12", [] {
    auto body = [](auto& yield) {
        on_exit cleanup([] { say("cleans up"); });
        try {
            yield(1);
        } catch (const std::exception&) { say("never"); }
    };
    generator<int> g(body);
    next(g);
    g.close();
    say("closed");
    g.close();
    generator<int>(body).close();
    say_next_or_nothing(g);
});

const twin yield_in_spite_of_a_close("iteration.yield_in_spite_of_a_close", "GEN-09", [] {
    generator<int> g([](auto& yield) {
        try {
            yield(1);
        } catch (const weft::greenlet_exit&) {
            yield(2);
            throw;
        }
    });
    next(g);
    attempt("close", [&] { g.close(); });
});

const twin a_cleanup_that_fails("iteration.a_cleanup_that_fails", "GEN-10", [] {
    generator<int> g([](auto& yield) {
        try {
            yield(1);
        } catch (const weft::greenlet_exit&) { throw error("broken cleanup"); }
    });
    next(g);
    attempt("close", [&] { g.close(); });
});

const twin an_exception_of_the_body("iteration.an_exception_of_the_body", "GEN-07", [] {
    generator<int> g([](auto& yield) {
        yield(1);
        throw error("broken");
    });
    say(next(g));
    attempt("next", [&] { return next(g); });
    say_next_or_nothing(g);
});

const twin one_that_asks_itself("iteration.one_that_asks_itself", "GEN-05", [] {
    generator<int> g;
    g = generator<int>([&g](auto& yield) {
        yield(1);
        yield(next(g));
    });
    say(next(g));
    attempt("next", [&] { return next(g); });
});

const twin send_through_yield_from("iteration.send_through_yield_from", "GEN-06 GEN-07", [] {
    using words = generator<std::string, std::string>;
    auto inner = [](words::yielder& yield) {
        const std::string x = yield("inner waits");
        try {
            yield("inner got " + x);
        } catch (const error& e) { yield(std::string("inner caught ") + e.what()); }
    };
    words g([&](words::yielder& yield) {
        yield.from(words(inner));
        yield("outer");
    });
    say(next(g));
    say(g.send("a word").value());
    say(g.throw_in(thrown("a stone")).value());
    say(next(g));
});

const twin close_through_yield_from("iteration.close_through_yield_from", "GEN-08", [] {
    auto inner = [](auto& yield) {
        on_exit cleanup([] { say("inner cleans up"); });
        yield(1);
    };
    generator<int> g([&](auto& yield) {
        on_exit cleanup([] { say("outer cleans up"); });
        yield.from(generator<int>(inner));
    });
    next(g);
    g.close();
});

const twin two_by_turns("iteration.two_by_turns", "GEN-03", [] {
    auto count = [](int first) {
        return generator<int>([first](auto& yield) {
            for (int n = first; n < first + 3; ++n) yield(n);
        });
    };
    auto a = count(10), b = count(20);
    while (auto x = a.next()) say(*x, next(b));
});

const twin an_async_generator("iteration.an_async_generator", "AGN-01", [] {
    generator<int> reader([](auto& yield) {
        for (int n = 1; n < 100; ++n) {
            weft::yield();
            yield(n);
        }
    });
    int total = 0;
    for (int n : reader) total += n;
    say(total);
});

const twin an_async_generator_lets_others_run("iteration.an_async_generator_lets_others_run",
                                              "AGN-02", [] {
                                                  auto t = weft::create_task([] {
                                                      for (int n = 0; n < 4; ++n) {
                                                          say("tick", n);
                                                          sleep(1);
                                                      }
                                                  });
                                                  generator<int> slow([](auto& yield) {
                                                      for (int n = 0; n < 3; ++n) {
                                                          sleep(1);
                                                          yield(n);
                                                      }
                                                  });
                                                  for (int n : slow) say("item", n);
                                                  weft::await(t);
                                              });

const twin closing_an_async_generator("iteration.closing_an_async_generator", "AGN-03", [] {
    auto body = [](auto& yield) {
        on_exit cleanup([] {
            say("cleanup begins");
            sleep(1);
            say("cleanup ends at", seconds());
        });
        yield(1);
        yield(2);
    };
    generator<int> g(body);
    say(next(g));
    g.close();
    say("closed");
    g.close();
    generator<int>(body).close();
});

void leave_the_loop() {
    auto body = [](auto& yield) {
        on_exit cleanup([] {
            weft::yield();
            say("cleans up");
        });
        yield(1);
        yield(2);
    };
    for (int n : generator<int>(body)) {
        say("item", n);
        break;
    }
    say("after the loop");
}

const twin leaving_the_loop("iteration.leaving_the_loop", "AGN-04 GEN-11", leave_the_loop);
const twin leaving_the_loop_with_aclosing("iteration.leaving_the_loop_with_aclosing", "AGN-04",
                                          leave_the_loop);

const twin a_cancel_inside_an_async_generator(
    "iteration.a_cancel_inside_an_async_generator", "AGN-06", [] {
        auto t = weft::create_task([] {
            on_exit leaving([] { say("consumer leaves"); });
            generator<int> g([](auto& yield) {
                on_exit unwinding([] { say("generator leaves"); });
                yield(1);
                sleep(9);
                yield(2);
            });
            for (int n : g) say("item", n);
        });
        sleep(1);
        t.cancel();
        attempt("it", [&] { weft::await(t); });
    });

const twin a_value_and_an_error_into_an_async_generator(
    "iteration.a_value_and_an_error_into_an_async_generator", "AGN-08", [] {
        generator<int, int> g([](auto& yield) {
            const int x = yield(1);
            weft::yield();
            try {
                yield(x + 1);
            } catch (const error& e) {
                weft::yield();
                say("catches", e.what());
            }
            yield(3);
        });
        say(next(g));
        say(g.send(10).value());
        say(g.throw_in(thrown("thrown in")).value());
        g.close();
    });

/// An async context manager: both ends may wait.
class connection {
public:
    explicit connection(const char* name) : name_(name) {
        say("opens", name_);
        sleep(1);
    }
    ~connection() {
        const weft::mask_cancel clean_up;
        sleep(1);
        say("closed", name_, "at", seconds());
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    [[nodiscard]] const char* name() const { return name_; }

private:
    const char* name_;
};

const twin a_context_manager_that_waits("iteration.a_context_manager_that_waits", "ACM-01", [] {
    connection a("a");
    say("uses", a.name(), "at", seconds());
});

const twin context_managers_last_in_first_out("iteration.context_managers_last_in_first_out",
                                              "ACM-05", [] {
                                                  attempt("body", [] {
                                                      connection a("a"), b("b");
                                                      throw error("broken");
                                                  });
                                              });

const twin a_context_manager_and_a_cancel("iteration.a_context_manager_and_a_cancel", "ACM-01", [] {
    auto t = weft::create_task([] {
        connection a("a");
        sleep(9);
    });
    sleep(2);
    t.cancel();
    attempt("it", [&] { weft::await(t); });
});

} // namespace
} // namespace twins
