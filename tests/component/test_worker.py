"""test_worker.py - a source's work split into tasks, as a user of the REST API sees it."""
import os

import pytest
import servers
from test_rest import Server, file_sink, read_lines

SPLIT = {"connector.class": "counter", "topic": "numbers", "counters": "6", "batch.size": "10",
         "limit": "0", "interval.ms": "5", "tasks.max": "3"}


@pytest.fixture
def server(weir, folder):
    return Server(weir, folder)


def offsets(server):
    """counter -> the number it sends next"""
    entries = server.ask("GET", "/connectors/count/offsets")[1]["offsets"]
    return {entry["partition"]["counter"]: entry["offset"]["next"] for entry in entries}


def all_count(server, beyond):
    now = offsets(server)
    return now if len(now) == 6 and all(now[k] > beyond.get(k, 0) for k in now) else None


def wait_states(server, name, expected):
    servers.wait_until(lambda: server.state(name)[1] == expected,
                       f"{name} to be {expected}, it is {server.state(name)}")


def test_tasks_are_listed_with_their_settings_and_restarted_alone(server):
    assert server.ask("POST", "/connectors", {"name": "count", "config": SPLIT})[1]["tasks"] == [
        {"connector": "count", "task": number} for number in range(3)]
    wait_states(server, "count", ["RUNNING"] * 3)
    tasks = server.ask("GET", "/connectors/count/tasks")[1]
    assert [task["id"] for task in tasks] == [{"connector": "count", "task": n} for n in range(3)]
    assert [task["config"] for task in tasks] == [
        {**SPLIT, "name": "count", "counters.task": str(n), "counters.tasks": "3"}
        for n in range(3)]
    assert server.ask("GET", "/connectors/count/config")[1] == {**SPLIT, "name": "count"}
    for number in range(3):
        status, task = server.ask("GET", f"/connectors/count/tasks/{number}/status")
        assert (status, task["id"], task["state"]) == (200, number, "RUNNING")
    assert server.ask("GET", "/connectors/count/tasks/3/status")[0] == 404
    assert server.ask("POST", "/connectors/count/tasks/2/restart") == (204, "")
    assert server.ask("POST", "/connectors/count/tasks/3/restart")[0] == 404
    wait_states(server, "count", ["RUNNING"] * 3)
    servers.wait_until(lambda: all_count(server, {}), "all to count")
    page = server.ask("GET", "/metrics")[1]
    for number in range(3):
        assert f'weir_task_records_total{{connector="count",task="{number}"}}' in page
    assert server.ask("PUT", "/connectors/count/pause")[0] == 202
    wait_states(server, "count", ["PAUSED"] * 3)
    assert server.ask("PUT", "/connectors/count/stop")[0] == 204
    wait_states(server, "count", [])


def test_fewer_counters_than_tasks_max_are_as_many_tasks(server):
    server.ask("PUT", "/connectors/count/config", {**SPLIT, "counters": "1", "tasks.max": "9"})
    wait_states(server, "count", ["RUNNING"])
    servers.wait_until(lambda: offsets(server).get(0, 0) > 0, "it to count")
    entry = server.ask("GET", "/connectors/count/offsets")[1]["offsets"][0]
    assert entry["partition"] == {"counter": 0}


def test_another_tasks_max_and_kill_9_lose_and_repeat_nothing(server, weir, folder):
    server.ask("PUT", "/connectors/copy/config", file_sink(folder))
    running = server
    now = {}
    for tasks in (3, 1, 6, 2):
        config = {**SPLIT, "tasks.max": str(tasks)}
        assert running.ask("PUT", "/connectors/count/config", config)[0] in (200, 201)
        wait_states(running, "count", ["RUNNING"] * tasks)
        now = servers.wait_until(lambda: all_count(running, now), "all counters to go on")
        running.run.kill()
        running = Server(weir, folder)
        wait_states(running, "count", ["RUNNING"] * tasks)
        kept = offsets(running)
        assert all(kept[number] >= now[number] for number in now)
        now = servers.wait_until(lambda: all_count(running, kept), "all counters to go on")
    limit = max(now.values()) + 100
    running.ask("PUT", "/connectors/count/config",
                {**SPLIT, "tasks.max": "4", "limit": str(limit), "interval.ms": "0"})
    wait_states(running, "count", ["COMPLETED"] * 4)
    servers.wait_until(lambda: len({line["offset"] for line in read_lines(folder)}) >= limit,
                       "all numbers to be copied")
    values = {line["offset"]: line["value"] for line in read_lines(folder)}
    assert sorted(values.values()) == list(range(limit))  # in the log: each number once


def test_a_pipeline_ends_when_all_tasks_have(weir, folder):
    path = os.path.join(folder, "pipeline.yaml")
    with open(path, "w") as file:
        file.write(f"""name: split
source: {{connector: counter, config: {{topic: numbers, limit: 5000, counters: 5, tasks.max: 3}}}}
sinks:
  - name: copy
    connector: file
    topics: [numbers]
    config: {{file: {folder}/out.txt, format: record}}
""")
    run = weir(["run", path, "--data", os.path.join(folder, "data")])
    assert run.wait() == 0, run.output
    assert sorted(line["value"] for line in read_lines(folder)) == list(range(5000))
