"""test_worker.py - tasks as a user of the REST API sees them: split, paused, bounded, and a worker that starts."""
import os
import re
import subprocess

import pytest
import servers
from test_rest import COUNTER, Server, file_sink, read_lines

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

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


def copied(server):
    """How many records the sink has made durable."""
    entries = server.ask("GET", "/connectors/copy/offsets")[1]["offsets"]
    return entries[0]["offset"]["kafka_offset"] if entries else 0


def test_pauses_and_resumes_of_a_sink_lose_and_repeat_nothing(server, folder):
    server.ask("PUT", "/connectors/copy/config", file_sink(folder))
    server.ask("PUT", "/connectors/count/config", {**COUNTER, "limit": "0", "batch.size": "20",
                                                   "interval.ms": "5"})
    for _ in range(5):
        before = copied(server)
        servers.wait_until(lambda: copied(server) > before + 50, "it to copy")
        assert server.ask("PUT", "/connectors/copy/pause")[0] == 202
        wait_states(server, "copy", ["PAUSED"])
        paused = copied(server)
        assert len(read_lines(folder)) == paused  # a line for each record, and all of it committed
        end = offsets(server)[0]
        servers.wait_until(lambda: offsets(server)[0] > end + 50, "the source to go on")
        assert copied(server) == paused
        assert server.ask("PUT", "/connectors/copy/resume")[0] == 202
    server.ask("PUT", "/connectors/count/pause")
    wait_states(server, "count", ["PAUSED"])
    end = offsets(server)[0]
    servers.wait_until(lambda: copied(server) >= end, "the rest")
    assert [line["value"] for line in read_lines(folder)] == list(range(end))


def rss_kb(server):
    with open(f"/proc/{server.run.process.pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def task(server, name):
    return server.ask("GET", f"/connectors/{name}/status")[1]["tasks"][0]


@pytest.mark.measured
def test_memory_is_bounded_when_log_and_sink_are_slower_than_the_source(server, folder):
    """The sink writes into a pipe that nobody reads; the source is as fast as it can."""
    pipe = os.path.join(folder, "pipe")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    server.ask("PUT", "/connectors/count/config",
               {**COUNTER, "limit": "0", "max.in.flight.bytes": "1048576", "batch.size": "10000"})
    server.ask("PUT", "/connectors/copy/config",
               {**file_sink(folder), "file": pipe, "max.in.flight.bytes": "1048576"})
    most_in_flight, most_kb = 0, 0
    while (now := task(server, "count"))["bytes"] < 32 << 20:
        assert now["state"] in ("RUNNING", "UNASSIGNED"), now
        most_in_flight = max(most_in_flight, now["in_flight_bytes"])
        most_kb = max(most_kb, rss_kb(server))
    sink = task(server, "copy")
    print(f"{now['bytes'] >> 20} MiB, at most {most_in_flight >> 10} KiB under way, RSS {most_kb} KB")
    assert sink["bytes"] < 8 << 20, sink  # it hangs in its first batches
    assert 0 < most_in_flight < 3 << 20  # the bound, and a unit
    assert most_kb < 64 << 10
    os.close(reader)  # the sink's write ends with an error
    server.run.kill()


@pytest.fixture
def held_start(folder):
    """(environment, the file that says that it is held, the pipe that lets it go on)"""
    library, held, gate = (os.path.join(folder, name) for name in ("hold.so", "held", "gate"))
    subprocess.run(["cc", "-std=c11", "-shared", "-fPIC", "-D_GNU_SOURCE",
                    f"{ROOT}/tests/component/hold_start.c", "-o", library, "-ldl"], check=True)
    os.mkfifo(gate)
    options = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": library, "WEIR_TEST_HELD": held, "WEIR_TEST_GATE": gate,
            "ASAN_OPTIONS": options + ":verify_asan_link_order=0"}, held, gate


def test_a_worker_that_reads_its_log_says_that_it_is_starting(weir, folder, held_start):
    env, held, gate = held_start
    server = Server(weir, folder)
    server.ask("PUT", "/connectors/count/config", COUNTER)
    assert server.run.stop() == 0
    again = object.__new__(Server)  # one that is not waited for
    again.port, again.folder = servers.free_port(), folder
    again.run = weir(["server", "--data", os.path.join(folder, "data"), "--rest",
                      f"127.0.0.1:{again.port}"], env)
    servers.wait_until(lambda: os.path.exists(held), "it to be held")
    assert again.ask("GET", "/readyz") == (503, "starting\n")
    assert again.ask("GET", "/health") == (503, {"status": "starting", "message": "starting"})
    assert again.ask("GET", "/healthz") == (200, "ok\n")
    assert again.ask("GET", "/metrics")[0] == 200
    for method, path, body in (("GET", "/connectors", None), ("GET", "/", None),
                               ("POST", "/connectors", {"name": "x", "config": COUNTER}),
                               ("DELETE", "/connectors/count", None)):
        status, error = again.ask(method, path, body)
        assert (status, error["error_code"]) == (503, 503), (method, path)
        assert error["message"] == "the worker is not ready: starting; ask again"
    open(gate, "w").close()
    servers.wait_until(again.is_ready, "the worker to be ready")
    assert again.ask("GET", "/readyz") == (200, "ready\n")
    assert again.ask("GET", "/connectors")[1] == ["count"]
    assert again.run.stop() == 0
