"""test_on_full.py - a topic that may not grow, and a paused sink that has not read it."""
import os

import pytest
import servers
from test_rest import Server

LIMIT = 400000
SOURCE = {"connector.class": "counter", "topic": "numbers", "limit": str(LIMIT),
          "topic.creation.default.retention.bytes": str(1 << 20)}
SINK = {"connector.class": "file", "topics": "numbers", "file": "out"}


@pytest.fixture
def server(weir, folder):
    server = Server(weir, folder)
    server.ask("PUT", "/connectors/copy/config", {**SINK, "file": os.path.join(folder, "out")})
    server.ask("PUT", "/connectors/copy/pause")
    server.wait_state("copy", "PAUSED")
    return server


def lines(folder):
    with open(os.path.join(folder, "out")) as file:
        return [int(line) for line in file]


def test_a_full_topic_makes_the_source_wait_until_a_paused_sink_has_read(server, folder):
    server.ask("PUT", "/connectors/count/config", SOURCE)
    servers.wait_until(lambda: "the source waits: " in server.run.output, "the warning")
    told = next(line for line in server.run.output.splitlines() if "the source waits: " in line)
    assert "topic numbers partition 0 is full: copy has not committed" in told, told
    assert "connector=count" in told, told
    assert server.state("count")[1] == ["RUNNING"]
    task = server.ask("GET", "/connectors/count/status")[1]["tasks"][0]
    assert "topic numbers partition 0 is full: copy has not committed" in task["waits_for"], task
    waits = 'weir_source_waits{connector="count",task="0"} '
    assert waits + "1" in server.ask("GET", "/metrics")[1]
    server.ask("PUT", "/connectors/copy/resume")
    server.wait_state("count", "COMPLETED")
    servers.wait_until(lambda: os.path.exists(os.path.join(folder, "out")) and
                       len(lines(folder)) >= LIMIT, "all records in the file")
    assert lines(folder) == list(range(LIMIT))
    assert waits + "1" not in server.ask("GET", "/metrics")[1]


def wait_lost(server):
    server.wait_state("copy", "FAILED")
    trace = server.ask("GET", "/connectors/copy/status")[1]["tasks"][0]["trace"]
    assert "offset 0 of topic numbers partition 0 is not there (any more)" in trace, trace


def test_trim_has_to_be_asked_for_and_the_sink_does_not_jump(server, folder, weir):
    server.ask("PUT", "/connectors/count/config", {**SOURCE, "on.full": "trim"})
    server.wait_state("count", "COMPLETED")
    servers.wait_until(lambda: "records that were not read yet are removed" in server.run.output,
                       "the warning")
    server.ask("PUT", "/connectors/copy/resume")
    wait_lost(server)
    server.run.kill()
    again = Server(weir, folder)
    wait_lost(again)
    assert not os.path.exists(os.path.join(folder, "out")) or lines(folder) == []
