#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weft-serve from outside: answers, refusals, and how it starts and ends.   server_test.py PATH-OF-WEFT-SERVE"""
import base64
import concurrent.futures
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

HOST = "127.0.0.1"
PICTURE = base64.b64decode("""
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhl
bXd7gYKBTmCNl4x9lnN+gXz/2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8
fHx8fHx8fHx8fHx8fHz/wAARCABAAGADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAA
AgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6
Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXG
x8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREA
AgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5
OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPE
xcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDkglOCVKEp4SrciYzIglOCVKEp4SocjojM
iCU4JUoSnhKhyOiMyIJTwlSBKeEqHI6IzIglPCVKEpwSpcjojMiCU8JUoSnBKhyOiMzLCU4JUoSnhK2cj42MyIJTglShKeEq
HI6IzIglOCVKEp4SocjojMiCU8JUoSnBKhyOiMyIJTwlShKcEqXI6IzIglPCVKEpwSocjojMywlOCVKEp4StnI+MjMiCU4JU
oSnhKhyOmMyIJTglShKeEqHI6IzIglPCVKEpwSocjojMiCU8JUoSnBKlyOiMyIJTwlShKcEqHI6IzMsJTglShKeErVyPjIzI
glOCVKEp4SpcjojMiCU8JUgSnhKhyOiMyIJTwlShKcEqHI6YzIglPCVKEpwSpcjojMiCU8JUoSnBKhyOiMz/2Q==
""")  # a JPEG of 96 x 64


class Serving:
    """weft-serve on a free port."""

    def __init__(self, *options):
        self.process = subprocess.Popen([PROGRAM, "--port", "0", *options], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.lines = []

    def __enter__(self):
        self.first_line = self.process.stdout.readline()
        assert f"http://{HOST}:" in self.first_line, self.first_line
        self.reader = threading.Thread(target=self._read)  # a full pipe would hold the server up
        self.reader.start()
        self.port = int(self.first_line.split(HOST + ":")[1].split("/")[0])
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        if self.process.wait() not in (0, -signal.SIGKILL):
            sys.stderr.write(f"\nweft-serve ended with {self.process.returncode}:\n{''.join(self.lines)}")
        self.reader.join()
        self.process.stdout.close()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def get(self, path, timeout=100):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.getheader("content-type", ""), answer.read()
        finally:
            connection.close()

    def parsers(self):
        """The pids of the worker processes: children of the fork server, a child of the server."""
        def children(pid):
            return [int(p) for task in Path(f"/proc/{pid}/task").iterdir()
                    for p in (task / "children").read_text().split()]
        return [worker for child in children(self.process.pid) for worker in children(child)]

    def stop(self, which=signal.SIGTERM, timeout=20):
        """The exit status, and the seconds until it came."""
        start = time.monotonic()
        self.process.send_signal(which)
        return self.process.wait(timeout), time.monotonic() - start


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        (Path(cls.folder.name) / "picture.jpg").write_bytes(PICTURE)
        (Path(cls.folder.name) / "broken.jpg").write_bytes(PICTURE[:400])
        (Path(cls.folder.name) / "secret.txt").write_text("secret")
        cls.server = Serving("--photos", cls.folder.name).__enter__()

    @classmethod
    def tearDownClass(cls):
        status, _ = cls.server.stop()
        cls.server.__exit__()
        cls.folder.cleanup()
        assert status == 0, status

    def test_plain(self):
        status, kind, body = self.server.get("/plain")
        self.assertEqual((status, body), (200, b"Hello, World!"))
        self.assertTrue(kind.startswith("text/plain"), kind)

    def test_work_takes_its_time(self):
        for path in ("/compute?ms=30", "/block?ms=30"):
            start = time.monotonic()
            self.assertEqual(self.server.get(path)[0], 200)
            self.assertGreater(time.monotonic() - start, 0.015, path)

    def test_blocking_calls_overlap(self):
        for style in ("plain", "announced", "pool"):
            with self.subTest(style), Serving("--block", style) as server, \
                    concurrent.futures.ThreadPoolExecutor(16) as pool:
                start = time.monotonic()
                statuses = list(pool.map(lambda _: server.get("/block?ms=300")[0], range(16)))
                self.assertEqual(statuses, [200] * 16)
                self.assertLess(time.monotonic() - start, 16 * 0.3 / 2)

    def test_computations_are_called_in_each_style(self):
        for style in ("plain", "announced", "pool"):
            with self.subTest(style), Serving("--compute", style) as server:
                self.assertEqual(server.get("/compute?ms=30")[0::2], (200, b"Hello, World!"))

    def test_quick_calls_are_called_in_each_style(self):
        for style in ("plain", "announced", "pool"):
            with self.subTest(style), Serving("--block", style) as server:
                self.assertEqual(server.get("/calls?n=1000")[0::2], (200, b"Hello, World!"))

    def test_small_answers_do_not_wait_for_long_ones(self):
        for path in ("/compute?ms=1500", "/block?ms=1500"):
            with self.subTest(path), concurrent.futures.ThreadPoolExecutor(8) as pool:
                long_ones = [pool.submit(self.server.get, path) for _ in range(8)]
                time.sleep(0.3)
                self.assertEqual(self.server.get("/plain")[0], 200)
                self.assertFalse(any(one.done() for one in long_ones), "the small answer came last")
                self.assertEqual([one.result()[0] for one in long_ones], [200] * 8)

    def test_thumbnail(self):
        for width, expected in ((48, (48, 32)), (1, (1, 1)), (4096, (96, 64))):
            status, kind, body = self.server.get(f"/thumb?src=picture.jpg&w={width}")
            self.assertEqual((status, kind), (200, "image/jpeg"))
            at = body.index(b"\xff\xc0")
            height_and_width = (int.from_bytes(body[at + 7:at + 9], "big"),
                                int.from_bytes(body[at + 5:at + 7], "big"))
            self.assertEqual(height_and_width, expected)

    def test_parsing(self):
        status, kind, body = self.server.get("/parse?src=picture.jpg")
        self.assertEqual((status, kind.split(";")[0]), (200, "application/json"))
        self.assertIn(b'"width":96,"height":64', body)
        self.assertEqual(self.server.get("/parse?src=broken.jpg")[0], 415)
        self.assertEqual(self.server.get("/parse?src=secret.txt")[0], 404)

    def test_a_crash_of_the_parser_costs_one_request(self):
        with concurrent.futures.ThreadPoolExecutor(16) as clients:
            paths = ["/parse?src=picture.jpg" + ("&crash=1" if n == 50 else "") for n in range(200)]
            answers = list(clients.map(self.server.get, paths))
        self.assertEqual([n for n, (status, *_) in enumerate(answers) if status != 200], [50])
        self.assertEqual(answers[50][0], 502)
        self.assertIn(b"killed by signal 9", answers[50][2])

    def test_a_parser_that_is_killed_costs_one_request_at_most(self):
        self.assertEqual(self.server.get("/parse?src=picture.jpg")[0], 200)
        with concurrent.futures.ThreadPoolExecutor(16) as clients:
            answers = [clients.submit(self.server.get, "/parse?src=picture.jpg") for _ in range(300)]
            answers[50].result()
            os.kill(self.server.parsers()[0], signal.SIGKILL)
            statuses = [a.result()[0] for a in answers]
        self.assertLessEqual(statuses.count(502), 1)
        self.assertEqual(statuses.count(200) + statuses.count(502), 300)

    def test_refusals_say_why(self):
        for path, status, word in (
                ("/compute", 400, b"ms is missing"), ("/compute?ms=soon", 400, b"whole number"),
                ("/compute?ms=-1", 400, b"whole number"), ("/compute?ms=999999", 400, b"60000"),
                ("/block?ms=1e3", 400, b"whole number"), ("/calls?n=-1", 400, b"whole number"), ("/thumb?src=picture.jpg", 400, b"w is missing"),
                ("/thumb?src=picture.jpg&w=0", 400, b"4096"), ("/thumb?src=picture.jpg&w=4097", 400, b"4096"),
                ("/thumb?w=10", 400, b"src"), ("/thumb?src=gone.jpg&w=10", 404, b"no photograph"),
                ("/thumb?src=secret.txt&w=10", 404, b"no photograph"),
                ("/thumb?src=../picture.jpg&w=10", 400, b"src"),
                ("/thumb?src=/etc/passwd&w=10", 400, b"src"),
                ("/thumb?src=broken.jpg&w=10", 415, b"not a usable JPEG"), ("/nowhere", 404, b"")):
            with self.subTest(path):
                answer = self.server.get(path)
                self.assertEqual(answer[0], status, answer)
                self.assertIn(word, answer[2])

    def test_metrics(self):
        def count(name):
            lines = self.server.get("/metrics")[2].decode().splitlines()
            return [float(line.split()[-1]) for line in lines if line.startswith(name)]

        before = count('serve_requests_total{route="/plain"}')[0]
        for _ in range(3):
            self.server.get("/plain")
        self.assertEqual(count('serve_requests_total{route="/plain"}')[0], before + 3)
        errors = 'serve_errors_total{route="/compute",fault="client"}'
        before = count(errors)[0]
        self.server.get("/compute?ms=soon")
        self.assertEqual(count(errors)[0], before + 1)
        self.assertTrue(count("weft_"), "the runtime's own metrics")

    def test_many_at_once(self):
        paths = ["/plain", "/compute?ms=5", "/block?ms=5", "/thumb?src=picture.jpg&w=48"] * 25
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            statuses = list(pool.map(lambda path: self.server.get(path)[0], paths))
        self.assertEqual(statuses, [200] * len(paths))


class SmallAnswersStayQuick(unittest.TestCase):
    def quick_beside_work(self, *options):
        with Serving(*options) as server, concurrent.futures.ThreadPoolExecutor(4) as pool:
            busy = [pool.submit(server.get, "/compute?ms=1000") for _ in range(4)]
            time.sleep(0.1)
            start = time.monotonic()
            self.assertEqual(server.get("/plain")[0], 200)
            # Four seconds of computing are ahead of it in a queue without turns.
            self.assertLess(time.monotonic() - start, 0.9)
            self.assertEqual([f.result()[0] for f in busy], [200] * 4)

    def test_on_all_cores(self):
        self.quick_beside_work()

    def test_on_one_worker(self):
        self.quick_beside_work("--workers", "1")


class StartAndEnd(unittest.TestCase):
    def refused(self, *options):
        done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 2, done)
        self.assertTrue(done.stderr.startswith("weft-serve: "), done.stderr)
        return done.stderr

    def test_bad_options(self):
        self.assertIn("70000", self.refused("--port", "70000"))
        self.assertIn("-1", self.refused("--workers", "-1"))
        self.assertIn("/no/such/folder", self.refused("--photos", "/no/such/folder"))
        self.assertIn("address of this machine", self.refused("--host", "192.0.2.1", "--port", "0"))

    def test_help(self):
        done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0)
        self.assertIn("--shutdown-deadline", done.stdout)

    def test_taken_port(self):
        with socket.socket() as other:
            other.bind((HOST, 0))
            other.listen()
            port = str(other.getsockname()[1])
            said = self.refused("--port", port)
            self.assertIn(port, said)
            self.assertIn("another", said)

    def test_signals_end_it_well(self):
        for which in (signal.SIGTERM, signal.SIGINT):
            for options in ((), ("--single-threaded",)):
                with self.subTest(which=which, options=options), Serving(*options) as server:
                    self.assertEqual(server.get("/plain")[0], 200)
                    idle = socket.create_connection((HOST, server.port))  # must not hold it up
                    status, seconds = server.stop(which)
                    idle.close()
                    self.assertEqual(status, 0)
                    self.assertLess(seconds, 3)

    def test_answers_in_the_making_complete(self):
        for path in ("/block?ms=600", "/compute?ms=600"):
            with self.subTest(path), Serving() as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
                answer = pool.submit(server.get, path)
                time.sleep(0.2)
                self.assertEqual(server.stop()[0], 0)
                self.assertEqual(answer.result()[0], 200)

    def test_the_deadline_cuts_what_is_left(self):
        for path in ("/block?ms=15000", "/compute?ms=15000"):
            with self.subTest(path), Serving("--shutdown-deadline", "0.3") as server, \
                    concurrent.futures.ThreadPoolExecutor(1) as pool:
                answer = pool.submit(server.get, path)
                time.sleep(0.2)
                status, seconds = server.stop()
                self.assertEqual(status, 0)
                self.assertLess(seconds, 5)
                with self.assertRaises((OSError, http.client.HTTPException)):
                    answer.result()

    def test_idle_connections_are_closed(self):
        with Serving("--idle-timeout", "0.2") as server:
            with socket.create_connection((HOST, server.port), 10) as idle:
                idle.sendall(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
                start, received = time.monotonic(), b""
                while data := idle.recv(4096):
                    received += data
                self.assertIn(b"Hello, World!", received)
                self.assertLess(time.monotonic() - start, 5)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit("usage: server_test.py PATH-OF-WEFT-SERVE")
    PROGRAM = sys.argv.pop(1)
    unittest.main()
