"""test_status.py - what became of connectors and tasks is in the log, and known after kill -9."""
import json
import os
import subprocess

import pytest
import servers
from test_rest import COUNTER, Server

UNREACHABLE = {"connector.class": "warehouse", "topics": "numbers", "errors.restart.delay.ms": "50",
               "errors.restart.delay.max.ms": "100",
               "connection.url": "postgresql://nobody@127.0.0.1:1/none"}
NO_SECRET = {"connector.class": "file", "topics": "numbers", "file": "${env:THERE_IS_NO_SUCH_THING}"}


@pytest.fixture
def server(weir, folder):
    return Server(weir, folder)


def task(server, name):
    return server.ask("GET", f"/connectors/{name}/status")[1]["tasks"][0]


def statuses(build, folder):
    """The last status of each key in the log; the worker does not run."""
    dump = subprocess.run([os.path.join(build, "weir"), "log", "dump", "--data", f"{folder}/data",
                           "--topic", "__weir_status", "--json"], capture_output=True, text=True,
                          check=True)
    last = {}
    for line in dump.stdout.splitlines():
        record = json.loads(line)
        last[record["key"]] = record["value"]
    return {key: json.loads(value) if isinstance(value, str) else value
            for key, value in last.items()}


def test_states_restarts_and_errors_survive_kill_9(server, weir, folder, build):
    server.ask("PUT", "/connectors/count/config", {**COUNTER, "limit": "0", "interval.ms": "10"})
    server.ask("PUT", "/connectors/dwh/config", UNREACHABLE)
    server.ask("PUT", "/connectors/copy/config", NO_SECRET)
    server.wait_state("count", "RUNNING")
    server.wait_state("copy", "FAILED")
    servers.wait_until(lambda: task(server, "dwh")["restarts"] >= 3, "three restarts")
    server.ask("PUT", "/connectors/count/pause")
    server.wait_state("count", "PAUSED")
    failed = task(server, "copy")
    assert "THERE_IS_NO_SUCH_THING" in failed["trace"] and failed["last_error"] == failed["trace"]
    before = task(server, "dwh")
    servers.wait_until(lambda: task(server, "dwh")["restarts"] > before["restarts"] + 1, "two more")
    server.run.kill()
    stored = statuses(build, folder)
    assert stored["status-connector-count"]["state"] == "PAUSED"
    assert stored["status-task-count-0"]["state"] == "PAUSED"
    assert stored["status-task-copy-0"]["state"] == "FAILED"
    assert stored["status-task-copy-0"]["trace"] == failed["trace"]
    assert stored["status-task-copy-0"]["worker_id"] == f"127.0.0.1:{server.port}"
    assert stored["status-task-dwh-0"]["restarts"] >= before["restarts"]

    again = Server(weir, folder)
    after = task(again, "dwh")
    assert after["restarts"] >= before["restarts"]
    assert "127.0.0.1" in after["last_error"] and after["last_error_ms"] >= before["last_error_ms"]
    assert again.state("count") == ("PAUSED", ["PAUSED"])
    again.wait_state("copy", "FAILED")
    assert task(again, "copy")["trace"] == failed["trace"]
    assert again.run.stop() == 0
    stored = statuses(build, folder)
    assert stored["status-connector-count"]["generation"] == 2
    assert stored["status-task-copy-0"]["state"] == "FAILED"


def test_a_worker_that_ends_leaves_what_ran_unassigned(server, folder, build):
    server.ask("PUT", "/connectors/count/config", {**COUNTER, "limit": "0", "interval.ms": "10"})
    server.wait_state("count", "RUNNING")
    assert server.run.stop() == 0
    stored = statuses(build, folder)
    assert stored["status-connector-count"]["state"] == "UNASSIGNED"
    assert stored["status-task-count-0"]["state"] == "UNASSIGNED"


def test_a_deleted_connector_leaves_no_status(server, folder, build):
    server.ask("PUT", "/connectors/count/config", COUNTER)
    server.wait_state("count", "COMPLETED")
    assert server.ask("DELETE", "/connectors/count")[0] == 204
    assert server.run.stop() == 0
    assert not any(statuses(build, folder).values())


def test_restarts_end_where_the_settings_say(server):
    server.ask("PUT", "/connectors/dwh/config", {**UNREACHABLE, "errors.restart.max": "2"})
    server.wait_state("dwh", "FAILED")
    assert task(server, "dwh")["restarts"] == 2
    assert "retry_at_ms" not in task(server, "dwh")
    assert server.ask("POST", "/connectors/dwh/restart?includeTasks=true&onlyFailed=true")[0] == 202
    servers.wait_until(lambda: task(server, "dwh")["restarts"] == 4, "two more")
    server.wait_state("dwh", "FAILED")
