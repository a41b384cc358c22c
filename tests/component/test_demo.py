"""test_demo.py - the demonstration leaves nothing behind, also when it is ended early."""
import os
import signal
import subprocess

import pytest

import servers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def processes_with(text):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if text.encode() in file.read():
                    found.append(pid)
        except OSError:  # it has just ended
            pass
    return found


@pytest.mark.parametrize("line, number", [("starts a PostgreSQL", signal.SIGINT), ("rows in", signal.SIGTERM)])
def test_a_demonstration_that_is_ended_early_leaves_nothing_behind(folder, line, number):
    os.chmod(folder, 0o755)  # the server runs as somebody else when we are root
    demo = subprocess.Popen([os.path.join(ROOT, "tests/demo/run"), "SECONDS=30"], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                            env={**os.environ, "TMPDIR": folder})
    while line not in demo.stdout.readline():
        assert demo.poll() is None
    os.kill(demo.pid, number)
    rest = demo.stdout.read()
    assert demo.wait(30) == 1 and "interrupted" in rest, rest
    assert os.listdir(folder) == []
    servers.wait_until(lambda: not processes_with(folder), "the last process to be gone")
