"""conftest.py - fixtures of the component and crash tests: real servers, and weir itself.

With WEIR_BUILD=build/asan the programs and plugins under test are instrumented. Whatever a sanitizer then
says, also of a process that the test killed later, fails the test in which it was said.
"""
import glob
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

import servers  # noqa: E402

REPORTS = tempfile.mkdtemp(prefix="weir-reports-")
for sanitizer in ("ASAN", "UBSAN", "LSAN"):
    os.environ[f"{sanitizer}_OPTIONS"] = f"log_path={REPORTS}/report:print_stacktrace=1"
os.environ["LSAN_OPTIONS"] += f":print_suppressions=0:suppressions={ROOT}/tests/support/leaks"


def pytest_configure(config):
    config.addinivalue_line("markers", "measured: measures time, rate or memory; means nothing when instrumented")
    config.addinivalue_line("markers", "elasticsearch: takes the server of this name; set by the fixture's name")


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    for item in items:
        if "elasticsearch" in item.fixturenames:
            item.add_marker("elasticsearch")


def pytest_unconfigure():
    shutil.rmtree(REPORTS, ignore_errors=True)


@pytest.fixture(autouse=True)
def no_report():
    """Set up before and torn down after everything else of a test."""
    yield
    found = ""
    for path in glob.glob(f"{REPORTS}/*"):
        with open(path, errors="replace") as file:
            found += file.read()
        os.unlink(path)
    assert not found, found[:8000]


@pytest.fixture(scope="session")
def build():
    """The folder of the programs under test: WEIR_BUILD, or the release."""
    return os.path.join(ROOT, os.environ.get("WEIR_BUILD", "build/release"))


@pytest.fixture(scope="session")
def postgres_server():
    server = servers.Postgres()
    yield server
    server.stop()


@pytest.fixture
def postgres(postgres_server, request):
    """The shared server; each test makes its own databases, slots are dropped behind it."""
    yield postgres_server
    with postgres_server.connect() as connection, connection.cursor() as cursor:
        def inactive():
            cursor.execute("select count(*) from pg_replication_slots where active")
            return cursor.fetchone()[0] == 0
        servers.wait_until(inactive, "replication slots to become inactive")
        cursor.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots")


@pytest.fixture
def folder():
    """A folder of the test's own, gone behind it."""
    path = servers.temporary_folder("weir-test-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


runs = itertools.count(1)


class Weir:
    """One run of the program; its output is in .output after it ended.

    The registry's port is one for all: a server serves none unless its arguments say where.
    """

    def __init__(self, build, folder, arguments, env=None):
        if arguments[:1] == ["server"] and len(arguments) > 1 and "--registry" not in arguments:
            arguments = arguments + ["--registry", "none"]
        self.log_path = os.path.join(folder, f"weir-{next(runs)}.log")
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [os.path.join(build, "weir")] + arguments, stdout=self.log, stderr=self.log,
            stdin=subprocess.DEVNULL, cwd=folder, env={**os.environ, **(env or {})})

    @property
    def output(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=30):
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout=60):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"weir did not end in {timeout} s:\n{self.output[-4000:]}")


@pytest.fixture
def weir(build, folder):
    """weir(arguments) starts the program; whatever still runs at the end is killed."""
    running = []

    def start(arguments, env=None):
        running.append(Weir(build, folder, arguments, env))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.kill()
        one.log.close()


@pytest.fixture(scope="session")
def elasticsearch():
    server = servers.Elasticsearch()
    yield server
    server.stop()
