"""test_elasticsearch_faults.py - the elasticsearch sink when the server refuses, is busy, or is not there."""
import itertools
import json
import socket
import threading
import time

import pytest

import servers
from search_target import Target, front, target  # noqa: F401, the fixtures
from sinks import Refused


def test_wrong_credentials_are_told_at_the_start(target, front):
    front.answer = lambda method, path, body: (401, b'{"error":"security_exception"}')
    with pytest.raises(Refused) as refused:
        target.open(url=front.url, connection_username="weir", connection_password="wr0ng")
    message = refused.value.message
    assert refused.value.code == "WEIR_FATAL"
    assert "401" in message and "connection.password" in message and "wr0ng" not in message
    assert front.headers[0]["Authorization"] == "Basic d2Vpcjp3cjBuZw=="


def test_an_api_key_is_sent_with_every_request(target, front):
    sink = target.open(url=front.url, connection_api_key="c2VjcmV0")
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    assert {one.get("Authorization") for one in front.headers} == {"ApiKey c2VjcmV0"}


def test_a_privilege_that_is_missing_while_it_runs_ends_the_task(target, front):
    sink = target.open(url=front.url)
    front.answer = lambda method, path, body: (403, b"{}") if "_bulk" in path else None
    target.upsert(sink, 1, "a", 1)
    sink.put()
    with pytest.raises(Refused) as refused:
        sink.flush()
    assert refused.value.code == "WEIR_FATAL" and "403" in refused.value.message


def test_a_server_that_cannot_be_reached_is_named_and_tried_again(target):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(Refused) as refused:
        target.open(url=f"http://127.0.0.1:{port}")
    assert refused.value.code == "WEIR_RETRY"
    assert f"127.0.0.1:{port}" in refused.value.message


def test_another_server_is_not_taken_for_elasticsearch(target, front):
    front.answer = lambda method, path, body: (404, b"nothing here")
    with pytest.raises(Refused) as refused:
        target.open(url=front.url)
    assert refused.value.code == "WEIR_FATAL"
    assert "does not look like Elasticsearch" in refused.value.message


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_request_refused_for_now_is_sent_again(target, front, status):
    refusals = itertools.count()

    def answer(method, path, body):
        if "_bulk" in path and next(refusals) < 3:
            return status, b'{"error":"busy"}'
        return None

    front.answer = answer
    sink = target.open(url=front.url, retry_backoff_ms=10)
    for id in range(20):
        target.upsert(sink, id, "a", id)
    sink.apply()
    assert target.documents() == {str(id): ("a", id) for id in range(20)}
    assert sink.rejects == []


@pytest.mark.parametrize("shut, open_again, words", [
    (("_settings", {"index.blocks.read_only_allow_delete": True}),
     ("_settings", {"index.blocks.read_only_allow_delete": None}), "disk usage"),
    (("_settings", {"index.blocks.write": True}), ("_settings", {"index.blocks.write": None}), "write"),
    (("_close", None), ("_open", None), "closed"),
], ids=["disk", "read-only", "closed"])
def test_an_index_that_cannot_be_written_is_no_fault_of_the_documents(target, shut, open_again, words):
    def change(path, body):
        target.node.request("POST" if body is None else "PUT", f"/{target.topic}/{path}",
                            None if body is None else json.dumps(body))

    sink = target.open(retry_backoff_ms=200)
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    change(*shut)
    threading.Timer(1, change, open_again).start()
    for id in (2, 3):
        target.upsert(sink, id, "b", id)
    sink.apply()
    target.node.request("GET", f"/_cluster/health/{target.topic}?wait_for_status=yellow")
    assert target.documents() == {"1": ("a", 1), "2": ("b", 2), "3": ("b", 3)}
    assert sink.rejects == []
    assert any(words in text for text in sink.diags), sink.diags


def test_a_privilege_that_is_missing_on_one_index_ends_the_task_and_names_it(target, front):
    def change(method, path, body, status, answer):
        if "_bulk" not in path:
            return status, answer
        error = {"type": "security_exception", "reason": "action [write] is unauthorized"}
        return 200, json.dumps({"errors": True, "items": [
            {"index": {"status": 403, "error": error}}]}).encode()

    front.change = change
    sink = target.open(url=front.url)
    target.upsert(sink, 1, "a", 1)
    sink.put()
    with pytest.raises(Refused) as refused:
        sink.flush()
    assert refused.value.code == "WEIR_FATAL" and target.topic in refused.value.message
    assert "grant" in refused.value.message


def test_a_password_that_changes_is_asked_for_at_the_next_start(target, front):
    """The old one is refused while it runs: nothing is lost, and the new one goes on."""
    right = "Basic d2VpcjpvbGQ="  # weir:old

    def answer(method, path, body):
        return None if front.headers[-1].get("Authorization") == right else (401, b"{}")

    front.answer = answer
    sink = target.open(url=front.url, connection_username="weir", connection_password="old")
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    right = "Basic d2VpcjpuZXc="
    target.upsert(sink, 2, "b", 2)
    sink.put()
    with pytest.raises(Refused) as refused:
        sink.flush()
    assert refused.value.code == "WEIR_FATAL" and "connection.password" in refused.value.message
    again = target.open(url=front.url, connection_username="weir", connection_password="new")
    target.upsert(again, 2, "b", 2, offset=1)
    again.apply()
    assert target.documents() == {"1": ("a", 1), "2": ("b", 2)}


def test_only_the_items_refused_for_now_are_sent_again(target, front):
    sent = []

    def change(method, path, body, status, answer):
        if "_bulk" not in path:
            return status, answer
        ids = [json.loads(line)["index"]["_id"] for line in body.splitlines()[::2]]
        sent.append(ids)
        if len(sent) > 1:
            return status, answer
        items = [{"index": {"status": 429, "error": {"type": "es_rejected_execution_exception",
                                                     "reason": "queue"}}}
                 if int(id) % 3 == 0 else {"index": {"status": 201}} for id in ids]
        return 200, json.dumps({"errors": True, "items": items}).encode()

    front.change = change
    sink = target.open(url=front.url, retry_backoff_ms=10, max_in_flight_requests=1)
    for id in range(10):
        target.upsert(sink, id, "a", id)
    sink.apply()
    assert sent == [[str(id) for id in range(10)], ["0", "3", "6", "9"]]
    assert len(target.documents()) == 10 and sink.rejects == []


def test_an_answer_that_says_too_little_is_asked_for_again(target, front):
    turns = itertools.count()

    def change(method, path, body, status, answer):
        if "_bulk" in path and next(turns) == 0:
            return 200, b'{"errors":true,"items":[]}'
        return status, answer

    front.change = change
    sink = target.open(url=front.url, retry_backoff_ms=10)
    target.upsert(sink, 1, "a", 1)
    sink.apply()
    assert target.documents() == {"1": ("a", 1)}


def test_it_gives_up_after_max_retries(target, front):
    front.answer = lambda method, path, body: (503, b"{}") if "_bulk" in path else None
    sink = target.open(url=front.url, retry_backoff_ms=5, max_retries=2)
    target.upsert(sink, 1, "a", 1)
    sink.put()
    with pytest.raises(Refused) as refused:
        sink.flush()
    assert refused.value.code == "WEIR_RETRY" and "gave up after 3 tries" in refused.value.message
    assert len(front.paths("_bulk")) == 3


def test_a_body_that_is_too_large_is_halved_until_it_fits(target, front):
    limit = 6000
    front.answer = lambda method, path, body: (413, b"") if len(body) > limit else None
    sink = target.open(url=front.url, max_in_flight_requests=1)
    for id in range(400):
        target.upsert(sink, id, "x" * (id % 100), id)
    sink.apply()
    assert len(target.documents()) == 400 and sink.rejects == []


def test_a_limit_that_the_server_told_is_learned_by_all_lanes_for_good(target, front):
    refusals = []

    def answer(method, path, body):
        if "_bulk" in path and len(body) > 6000:
            refusals.append(len(body))
            return 413, b""
        return None

    front.answer = answer
    sink = target.open(url=front.url, max_in_flight_requests=4)
    for turn in range(12):
        for id in range(400):
            target.upsert(sink, id, "x" * (id % 100), turn)
        sink.put()
        sink.command("clear")
    sink.flush()
    assert len(target.documents()) == 400 and sink.rejects == []
    # 250 kB are halved six times, and four lanes may be refused before they know of each other.
    assert len(refusals) <= 4 * 6, refusals
    sent = len(refusals)
    for id in range(400):
        target.upsert(sink, id, "y" * 90, 99)
    sink.put()
    sink.flush()
    assert len(refusals) == sent


def test_the_back_off_ends_when_the_server_is_back(target, front):
    down = threading.Event()

    def answer(method, path, body):
        return (503, b"{}") if down.is_set() else None

    sink = target.open(url=front.url, retry_backoff_ms=30_000)
    front.answer = answer
    target.upsert(sink, 0, "before", 0)
    sink.apply()
    front.requests.clear()
    target.upsert(sink, 1, "a", 1)
    down.set()
    threading.Timer(2.5, down.clear).start()
    start = time.monotonic()
    sink.apply()
    assert target.documents() == {"0": ("before", 0), "1": ("a", 1)}
    assert 2.5 <= time.monotonic() - start < 10  # not 15 to 30 s
    assert len(front.paths("_bulk")) == 2
    assert len([one for one in front.requests if one[1] == "/"]) <= 8


def test_a_server_that_is_back_but_recovers_is_not_left_alone_for_long(target, front):
    """What an outage has made of the pause does not outlive it."""
    down, recovering = threading.Event(), itertools.count()

    def answer(method, path, body):
        if down.is_set() or ("_bulk" in path and sink_waits and next(recovering) < 2):
            return 503, b"{}"
        return None

    sink_waits = False
    sink = target.open(url=front.url, retry_backoff_ms=800, max_in_flight_requests=1)
    target.upsert(sink, 0, "before", 0)
    sink.apply()
    front.answer, sink_waits = answer, True
    target.upsert(sink, 1, "a", 1)
    down.set()
    back = []
    threading.Timer(3, lambda: (back.append(time.monotonic()), down.clear())).start()
    sink.apply()
    # A probe within a second, two short pauses; the third pause of the outage alone would be 3 s.
    assert time.monotonic() - back[0] < 4.5
    assert target.documents() == {"0": ("before", 0), "1": ("a", 1)}


def test_a_lane_that_got_through_ends_the_back_off_of_the_others(target, front):
    refused = threading.Event()

    def answer(method, path, body):
        if "_bulk" in path and not refused.is_set():
            refused.set()
            return 429, b"{}"
        return None

    front.answer = answer
    sink = target.open(url=front.url, retry_backoff_ms=30_000, bulk_size_bytes=1024)
    for id in range(200):
        target.upsert(sink, id, "a", id)
    start = time.monotonic()
    sink.apply()
    assert len(target.documents()) == 200
    assert time.monotonic() - start < 10


def test_a_document_that_is_too_large_alone_is_rejected(target, front):
    front.answer = lambda method, path, body: (413, b"") if len(body) > 5000 else None
    sink = target.open(url=front.url)
    target.upsert(sink, 1, "a", 1)
    target.upsert(sink, 2, "x" * 6000, 2)
    target.upsert(sink, 3, "c", 3)
    sink.apply()
    assert target.documents() == {"1": ("a", 1), "3": ("c", 3)}
    (offset, reason), = sink.rejects
    assert offset == 1 and "larger than the server takes" in reason


def test_one_document_is_never_in_two_requests_at_a_time(target, front):
    """Else a later write could overtake an earlier one, and Elasticsearch forgets a delete's version."""
    sink = target.open(url=front.url, max_in_flight_requests=5, bulk_size_bytes=1024)
    target.upsert(sink, 0, "first", 0, offset=0)
    sink.apply()
    lock, flying, broken, most, order = threading.Lock(), set(), [], [0], {}
    running = [0]

    def answer(method, path, body):
        if "_bulk" not in path:
            return None
        actions = [next(iter(json.loads(line).values())) for line in body.splitlines()
                   if b'"_index"' in line]
        ids = {one["_id"] for one in actions}
        with lock:
            broken.extend(ids & flying)
            for one in actions:
                order.setdefault(one["_id"], []).append(one["version"])
            flying.update(ids)
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.002 * (len(body) % 7))  # answers come in another order
        with lock:
            flying.difference_update(ids)
            running[0] -= 1
        return None

    front.answer = answer
    for turn in range(40):
        for id in range(23):
            if (turn + id) % 4 == 3:
                target.delete(sink, id)
            else:
                target.upsert(sink, id, f"turn {turn}", turn)
    sink.apply()
    assert most[0] >= 3, "requests did not overlap: nothing was shown"
    assert broken == []
    assert all(versions == sorted(versions) for versions in order.values())
    assert target.documents() == {str(id): ("turn 39", 39) for id in range(23)
                                  if (39 + id) % 4 != 3}


@pytest.fixture(scope="module")
def node():
    """A server to be killed, which takes small requests only."""
    server = servers.Elasticsearch({"http.max_content_length": "64kb"})
    yield server
    server.stop()


@pytest.mark.parametrize("compression", [True, False])
def test_a_request_that_a_real_server_finds_too_large_is_sent_in_parts(node, build, compression):
    target = Target(build, node)
    sink = target.open(connection_compression=compression, max_in_flight_requests=2)
    for id in range(400):
        target.upsert(sink, id, "x" * 1000, id)
    target.upsert(sink, 400, "y" * 100_000, 400)
    for id in range(401, 410):
        target.upsert(sink, id, "x" * 1000, id)
    sink.apply()
    (offset, reason), = sink.rejects
    assert offset == 400 and "larger than the server takes" in reason
    assert set(target.documents()) == {str(id) for id in range(410)} - {"400"}
    target.stop()


PIPELINE = """
name: away
source:
  connector: postgres-cdc
  config:
    {{database.hostname: 127.0.0.1, database.port: {port}, database.user: postgres, database.dbname: away,
     topic.prefix: away, snapshot.mode: initial_only}}
sinks:
  - name: search
    connector: elasticsearch
    topics: ["away.public.numbers"]
    transforms: [{{unwrap: {{}}}}]
    config: {{connection.url: "{url}", errors.restart.delay.ms: 3000}}
"""


def test_a_server_that_was_away_at_the_start_is_found_soon_after_it_is_back(
        node, postgres, weir, folder):
    postgres.create_database("away")
    postgres.psql("create table numbers as select n from generate_series(1, 10) n; "
                  "alter table numbers add primary key (n)", "away")
    with open(f"{folder}/away.yaml", "w") as file:
        file.write(PIPELINE.format(port=postgres.port, url=node.url))
    node.kill()
    one = weir(["run", f"{folder}/away.yaml", "--data", f"{folder}/data"])
    # Pauses that go on to double would be 6 to 12 s now, and longer when the server has started.
    servers.wait_until(lambda: one.output.count("task failed and is started again") >= 3,
                       "three attempts", 30)
    node.start()
    back = time.monotonic()
    assert one.wait() == 0
    assert time.monotonic() - back < 8
    assert len(node.documents("away.public.numbers")) == 10
    assert f"could not reach elasticsearch at {node.url}" in one.output


def test_nothing_is_lost_when_the_server_is_killed_under_load(build, node):
    target = Target(build, node)
    try:
        sink = target.open(retry_backoff_ms=20)
        for id in range(3000):
            target.upsert(sink, id, "before", 0)
        sink.apply()
        killed = threading.Event()

        def kill_and_start():
            node.kill()
            killed.set()
            node.start()

        thread = threading.Thread(target=kill_and_start)
        for turn in range(1, 5):
            for id in range(3000):
                if id % 10 == turn:
                    target.delete(sink, id)
                else:
                    target.upsert(sink, id, f"turn {turn}", turn)
            if turn == 2:
                thread.start()
                killed.wait()
            sink.apply()
        thread.join()
        assert target.documents() == {str(id): ("turn 4", 4) for id in range(3000) if id % 10 != 4}
        assert sink.rejects == []
    finally:
        target.stop()
