"""test_rest_connect.py - the same calls as to Kafka Connect 4.1.1, and the answers that it gave to them.

The expected values were read from a real worker, with FileStreamSource and FileStreamSink. Where ours differ on
purpose, the difference is in docs/guide/rest.md and stands here as what we answer: Connect says 500 to a body
that it cannot read, and has more words for an invalid setting.
"""
import contextlib
import json
import os

import pytest
import servers
from test_rest import Server

SOURCE_CLASS = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK_CLASS = "org.apache.kafka.connect.file.FileStreamSinkConnector"
TEXT = "org.apache.kafka.connect.storage.StringConverter"
UNKNOWN = {"error_code": 404, "message": "Connector none not found"}


@pytest.fixture
def server(weir, folder):
    with open(os.path.join(folder, "in.txt"), "w") as file:
        file.write("a\nb\nc\n")
    return Server(weir, folder)


@pytest.fixture
def source(server, folder):
    config = {"connector.class": SOURCE_CLASS, "tasks.max": "1", "topic": "lines",
              "file": os.path.join(folder, "in.txt"), "key.converter": TEXT, "value.converter": TEXT}
    assert server.ask("POST", "/connectors", {"name": "src", "config": config}) == (201, {
        "name": "src", "config": {**config, "name": "src"}, "type": "source",
        "tasks": [{"connector": "src", "task": 0}]})
    server.wait_state("src", "RUNNING")
    return config


@pytest.fixture
def sink(server, folder, source):
    config = {"connector.class": SINK_CLASS, "tasks.max": "1", "topics": "lines",
              "file": os.path.join(folder, "out.txt"), "key.converter": TEXT, "value.converter": TEXT}
    assert server.ask("POST", "/connectors", {"name": "snk", "config": config})[0] == 201
    server.wait_state("snk", "RUNNING")
    servers.wait_until(lambda: server.ask("GET", "/connectors/snk/offsets")[1]["offsets"],
                       "the sink's offset")
    return config


def only(keys, value):
    return {key: value[key] for key in keys}


def test_status_has_connects_members(server, sink):
    worker = f"127.0.0.1:{server.port}"
    status, body = server.ask("GET", "/connectors/snk/status")
    assert status == 200
    assert set(body) == {"name", "connector", "tasks", "type"}
    assert only(("state", "worker_id"), body["connector"]) == {"state": "RUNNING",
                                                               "worker_id": worker}
    assert only(("id", "state", "worker_id"), body["tasks"][0]) == {
        "id": 0, "state": "RUNNING", "worker_id": worker}
    assert server.ask("GET", "/connectors/snk/tasks/0/status")[1]["id"] == 0


def test_lists_are_expanded_as_asked(server, sink):
    both = server.ask("GET", "/connectors?expand=info&expand=status")[1]
    assert {name: set(entry) for name, entry in both.items()} == {
        "src": {"info", "status"}, "snk": {"info", "status"}}
    assert set(both["src"]["info"]) == {"name", "config", "tasks", "type"}
    assert set(server.ask("GET", "/connectors?expand=status")[1]["src"]) == {"status"}
    assert server.ask("GET", "/connectors?expand=bogus") == (200, {"snk": {}, "src": {}})


def test_what_is_not_there_is_answered_in_connects_words(server, source):
    for method, path, status, body in (
            ("GET", "/connectors/none", 404, UNKNOWN),
            ("GET", "/connectors/none/config", 404, UNKNOWN),
            ("GET", "/connectors/none/tasks", 404, UNKNOWN),
            ("GET", "/connectors/none/offsets", 404, UNKNOWN),
            ("DELETE", "/connectors/none", 404, UNKNOWN),
            ("DELETE", "/connectors/none/offsets", 404, UNKNOWN),
            ("GET", "/connectors/none/status", 404,
             {"error_code": 404, "message": "No status found for connector none"}),
            ("GET", "/connectors/none/tasks/0/status", 404,
             {"error_code": 404, "message": "No status found for task none-0"}),
            ("GET", "/connectors/src/tasks/5/status", 404,
             {"error_code": 404, "message": "No status found for task src-5"}),
            ("GET", "/connectors/none/topics", 200, {"none": {"topics": []}}),
            ("PUT", "/connectors/none/topics/reset", 202, ""),
            ("PUT", "/connectors/none/pause", 404,
             {"error_code": 404, "message": "Unknown connector none"}),
            ("PUT", "/connectors/none/resume", 404,
             {"error_code": 404, "message": "Unknown connector none"}),
            ("PUT", "/connectors/none/stop", 404,
             {"error_code": 404, "message": "Unknown connector none"}),
            ("POST", "/connectors/none/restart", 404,
             {"error_code": 404, "message": "Unknown connector: none"}),
            ("POST", "/connectors/none/restart?includeTasks=true", 404,
             {"error_code": 404, "message": "Unknown connector: none"}),
            ("POST", "/connectors/none/tasks/0/restart", 404,
             {"error_code": 404, "message": "Unknown connector: none"}),
            ("POST", "/connectors/src/tasks/9/restart", 404,
             {"error_code": 404, "message": "Unknown task: src-9"}),
            ("GET", "/admin/loggers/none", 404,
             {"error_code": 404, "message": "Logger none not found."}),
            ("GET", "/nowhere", 404, {"error_code": 404, "message": "HTTP 404 Not Found"}),
            ("DELETE", "/connectors", 405,
             {"error_code": 405, "message": "HTTP 405 Method Not Allowed"})):
        assert server.ask(method, path) == (status, body), (method, path)


def test_creating_and_configuring_is_refused_with_connects_codes(server, source):
    for method, path, body, status in (
            ("POST", "/connectors", {"name": "src", "config": source}, 409),
            ("POST", "/connectors", {"config": source}, 400),
            ("POST", "/connectors", {"name": "", "config": source}, 400),
            ("POST", "/connectors", {"name": "x", "config": {}}, 400),
            ("POST", "/connectors", {"name": "x", "config": {**source, "name": "y"}}, 400),
            ("PUT", "/connectors/new/config", {**source, "name": "y"}, 400),
            ("PUT", "/connectors/new/config", {"connector.class": SOURCE_CLASS}, 400),
            ("PATCH", "/connectors/src/config", {"tasks.max": "x"}, 400),
            ("PATCH", "/connectors/none/config", {"topic": "x"}, 404)):
        got, error = server.ask(method, path, body)
        assert (got, error["error_code"]) == (status, status), (method, path, body, error)
    assert server.ask("POST", "/connectors", {"name": "src", "config": source})[1] == {
        "error_code": 409, "message": "Connector src already exists"}


def test_putting_and_patching_answer_with_the_connector(server, source):
    made = {"name": "new", "config": {**source, "name": "new", "topic": "other"}, "type": "source",
            "tasks": [{"connector": "new", "task": 0}]}
    given = {**source, "topic": "other", "tasks.max": 1}
    assert server.ask("PUT", "/connectors/new/config", given) == (201, made)
    assert server.ask("PUT", "/connectors/new/config", given) == (200, made)
    status, patched = server.ask("PATCH", "/connectors/new/config",
                                 {"topic": "third", "key.converter": None})
    assert status == 200
    assert patched["config"] == {key: value for key, value in
                                 {**made["config"], "topic": "third"}.items()
                                 if key != "key.converter"}
    assert server.ask("GET", "/connectors/new/config") == (200, patched["config"])
    assert server.ask("DELETE", "/connectors/new") == (204, "")


def test_a_state_to_begin_in_is_taken_in_any_case(server, source):
    status, made = server.ask("POST", "/connectors", {"name": "x", "config": source,
                                                      "initial_state": "stopped"})
    assert (status, made["name"]) == (201, "x")
    assert server.state("x")[0] == "STOPPED"


def test_restarting_answers_with_the_plan(server, source):
    assert server.ask("POST", "/connectors/src/restart") == (204, "")
    server.wait_state("src", "RUNNING")
    status, plan = server.ask("POST", "/connectors/src/restart?includeTasks=true")
    assert (status, plan["connector"]["state"], plan["tasks"][0]["state"]) == (
        202, "RESTARTING", "RESTARTING")
    server.wait_state("src", "RUNNING")
    for query in ("onlyFailed=true", "includeTasks=true&onlyFailed=true"):
        status, plan = server.ask("POST", f"/connectors/src/restart?{query}")
        assert (status, plan["connector"]["state"]) == (202, "RUNNING"), query
        assert plan["tasks"][0]["state"] == "RUNNING", query
    assert server.ask("POST", "/connectors/src/tasks/0/restart") == (204, "")


def test_a_stopped_connector_has_no_tasks(server, source):
    assert server.ask("PUT", "/connectors/src/stop") == (204, "")
    servers.wait_until(lambda: server.state("src") == ("STOPPED", []), "no tasks")
    assert server.ask("GET", "/connectors/src/tasks") == (200, [])


def test_the_offsets_of_a_sink_are_checked_and_set(server, sink):
    def offsets(partition, offset):
        return {"offsets": [{"partition": partition, "offset": offset}]}

    place = {"kafka_partition": 0, "kafka_topic": "lines"}
    assert server.ask("PATCH", "/connectors/snk/offsets", offsets(place, None))[0] == 400
    assert server.ask("DELETE", "/connectors/snk/offsets")[0] == 400
    assert server.ask("PUT", "/connectors/snk/stop")[0] == 204
    servers.wait_until(lambda: server.state("snk")[0] == "STOPPED", "STOPPED")
    for body in ({}, {"offsets": []}, offsets({"bogus": 1}, {"kafka_offset": 1}),
                 offsets(place, {"bogus": 1}), offsets({**place, "kafka_partition": "x"}, None)):
        assert server.ask("PATCH", "/connectors/snk/offsets", body)[0] == 400, body
    assert server.ask("PATCH", "/connectors/snk/offsets", offsets({"bogus": 1}, None))[1] == {
        "error_code": 400, "message": "The partition for a sink connector offset must contain the "
                                      "keys 'kafka_topic' and 'kafka_partition'"}
    altered = {"message": "The offsets for this connector have been altered successfully"}
    reset = {"message": "The offsets for this connector have been reset successfully"}
    for number in (1, "2"):
        assert server.ask("PATCH", "/connectors/snk/offsets",
                          offsets(place, {"kafka_offset": number})) == (200, altered)
        assert server.ask("GET", "/connectors/snk/offsets") == (
            200, offsets(place, {"kafka_offset": int(number)}))
    assert server.ask("DELETE", "/connectors/snk/offsets") == (200, reset)
    assert server.ask("GET", "/connectors/snk/offsets") == (200, {"offsets": []})
    out = sink["file"]
    server.ask("PUT", "/connectors/snk/resume")  # from the beginning again
    servers.wait_until(lambda: open(out).read() == "a\nb\nc\na\nb\nc\n", "all lines again")


def test_offsets_of_what_is_not_there_are_refused(server, sink, folder):
    for name in ("src", "snk"):
        assert server.ask("PUT", f"/connectors/{name}/stop")[0] == 204
        servers.wait_until(lambda: server.state(name)[0] == "STOPPED", "STOPPED")

    def refusal(name, partition, offset):
        status, error = server.ask("PATCH", f"/connectors/{name}/offsets",
                                   {"offsets": [{"partition": partition, "offset": offset}]})
        assert status == 400, (partition, offset)
        return error["message"]

    before = [server.ask("GET", f"/connectors/{name}/offsets") for name in ("src", "snk")]
    one = {"kafka_offset": 1}
    assert refusal("snk", {"kafka_topic": "nowhere", "kafka_partition": 0}, one) == (
        'there is no topic "nowhere"')
    assert refusal("snk", {"kafka_topic": "lines", "kafka_partition": 7}, one) == (
        "topic lines has no partition 7; its last one is 0")
    assert "need to be integers" in refusal("snk", {"kafka_topic": "lines", "kafka_partition": 0},
                                            {"kafka_offset": "x"})
    assert refusal("src", {"bogus": "x"}, {"position": 1}) == (
        'the partitions of connector src look like {"filename":"%s/in.txt"}' % folder)
    assert [server.ask("GET", f"/connectors/{name}/offsets") for name in ("src", "snk")] == before


def test_the_offsets_of_a_running_connector_stay(server, source):
    body = {"offsets": [{"partition": {"filename": source["file"]}, "offset": {"position": 0}}]}
    refused = (400, {"error_code": 400, "message": (
        "Connectors must be in the STOPPED state before their offsets can be modified. This can be "
        "done for the specified connector by issuing a 'PUT' request to the '/connectors/src/stop' "
        "endpoint")})
    assert server.ask("PATCH", "/connectors/src/offsets", body) == refused
    assert server.ask("DELETE", "/connectors/src/offsets") == refused


def test_a_sink_with_a_ledger_goes_to_where_its_offsets_were_set(postgres, server, folder):
    dsn = postgres.create_database("altered")
    schema = {"type": "struct", "optional": False, "fields": [
        {"field": "n", "type": "int32", "optional": False}]}
    with open(os.path.join(folder, "numbers.txt"), "w") as file:
        file.writelines(json.dumps({"schema": schema, "payload": {"n": n}}) + "\n"
                        for n in range(10))
    server.ask("PUT", "/connectors/numbers/config", {
        "connector.class": "file", "topic": "numbers", "file": file.name, "value.converter": TEXT})
    server.ask("PUT", "/connectors/dwh/config", {
        "connector.class": "warehouse", "topics": "numbers", "connection.url": dsn,
        "value.converter": "json", "insert.mode": "insert", "auto.create": "true"})
    with contextlib.closing(postgres.connect("altered")) as connection:
        cursor = connection.cursor()

        def rows():
            cursor.execute("select to_regclass('numbers') is not null")
            if not cursor.fetchone()[0]:
                return 0
            cursor.execute("select count(*) from numbers")
            return cursor.fetchone()[0]

        def after(method, body, expected):
            assert server.ask("PUT", "/connectors/dwh/stop")[0] == 204
            servers.wait_until(lambda: server.state("dwh")[0] == "STOPPED", "STOPPED")
            assert server.ask(method, "/connectors/dwh/offsets", body)[0] == 200
            server.ask("PUT", "/connectors/dwh/resume")
            servers.wait_until(lambda: rows() == expected, f"{expected} rows, not {rows()}")
            servers.wait_until(lambda: [o["offset"]["kafka_offset"] for o in server.ask(
                "GET", "/connectors/dwh/offsets")[1]["offsets"]] == [10], "its offset")

        servers.wait_until(lambda: rows() == 10, "10 rows")
        place = {"kafka_topic": "numbers", "kafka_partition": 0}
        after("PATCH", {"offsets": [{"partition": place, "offset": {"kafka_offset": 7}}]}, 13)
        after("DELETE", None, 23)
        server.ask("POST", "/connectors/dwh/restart?includeTasks=true")
        server.wait_state("dwh", "RUNNING")
        cursor.execute("select next_offset from weir_ledger")
        assert (cursor.fetchall(), rows()) == ([(10,)], 23)


def test_options_names_the_methods_of_a_path(server):
    import http.client
    for path, methods in (("/", {"GET", "HEAD", "OPTIONS"}),
                          ("/connectors", {"GET", "HEAD", "POST", "OPTIONS"}),
                          ("/connectors/x/config", {"GET", "HEAD", "PUT", "PATCH", "OPTIONS"})):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("OPTIONS", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert (answer.status, answer.getheader("Content-Type")) == (200, "text/plain"), path
        assert set(text.split(", ")) == set(answer.getheader("Allow").split(", ")) == methods
        connection.close()
    assert server.ask("OPTIONS", "/nowhere") == (404, {"error_code": 404,
                                                       "message": "HTTP 404 Not Found"})


def test_of_creations_at_a_time_one_succeeds(server, source):
    import threading
    answers = []

    def create(number):
        answers.append(server.ask("POST", "/connectors", {
            "name": "one", "config": {**source, "topic": f"t{number}"}})[0])

    for _ in range(5):
        answers.clear()
        threads = [threading.Thread(target=create, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [201, 409, 409, 409]
        assert server.ask("DELETE", "/connectors/one") == (204, "")


def test_health_is_answered_while_commands_wait_for_their_tasks(server, folder):
    """More commands than there used to be threads, each for a sink whose server accepts and says nothing."""
    import socket
    import threading
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        for number in range(6):
            assert server.ask("PUT", f"/connectors/s{number}/config", {
                "connector.class": "warehouse", "topics": "lines",
                "connection.url": f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x"})[0] == 201
        servers.wait_until(lambda: all(server.state(f"s{number}")[1] for number in range(6)), "their tasks")
        waiting = [threading.Thread(target=lambda number=number: server.ask(
            "PUT", f"/connectors/s{number}/config", {"connector.class": "file", "topics": "lines", "file":
                                                     f"{folder}/{number}"})) for number in range(6)]
        for thread in waiting:
            thread.start()
        deadline = 5
        for path in ("/healthz", "/readyz", "/connectors", "/metrics"):
            import urllib.request
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=deadline) as answer:
                assert answer.status == 200
        assert any(thread.is_alive() for thread in waiting), "nothing waited: this proves nothing"
    for thread in waiting:
        thread.join()


def test_topics_are_listed_once_whatever_number_of_tasks_uses_them(server):
    server.ask("PUT", "/connectors/many/config", {
        "connector.class": "counter", "topic": "numbers", "limit": "100", "counters": "4", "tasks.max": "4"})
    servers.wait_until(lambda: server.state("many")[1] == ["COMPLETED"] * 4, "its tasks to end")
    assert server.ask("GET", "/connectors/many/topics") == (200, {"many": {"topics": ["numbers"]}})


def test_used_topics_are_listed(server, sink):
    assert server.ask("GET", "/connectors/src/topics") == (200, {"src": {"topics": ["lines"]}})
    assert server.ask("GET", "/connectors/snk/topics") == (200, {"snk": {"topics": ["lines"]}})
    assert server.ask("PUT", "/connectors/src/topics/reset") == (202, "")


def test_plugins_converters_and_transforms_have_definitions(server):
    members = {"name", "type", "required", "default_value", "importance", "documentation", "group",
               "width", "display_name", "dependents", "order"}
    for plugin, names in (
            (SOURCE_CLASS, {"file", "topic"}),
            ("org.apache.kafka.connect.transforms.RegexRouter", {"regex", "replacement"}),
            ("org.apache.kafka.connect.json.JsonConverter", {"schemas.enable"})):
        status, definitions = server.ask("GET", f"/connector-plugins/{plugin}/config")
        assert status == 200
        assert names <= {d["name"] for d in definitions}
        assert all(set(d) == members for d in definitions)
    assert server.ask("GET", "/connector-plugins/none/config")[0] == 404


def test_validation_covers_what_every_connector_has(server, source):
    status, result = server.ask("PUT", f"/connector-plugins/{SOURCE_CLASS}/config/validate",
                                {**source, "name": "n"})
    assert (status, result["name"], result["error_count"]) == (200, SOURCE_CLASS, 0)
    names = [entry["definition"]["name"] for entry in result["configs"]]
    assert {"name", "connector.class", "tasks.max", "key.converter", "value.converter",
            "transforms", "file", "topic"} <= set(names)
    assert len(names) == len(set(names))
    status, result = server.ask("PUT", f"/connector-plugins/{SOURCE_CLASS}/config/validate",
                                {"connector.class": SOURCE_CLASS, "name": "n", "tasks.max": "x"})
    bad = {e["definition"]["name"] for e in result["configs"] if e["value"]["errors"]}
    assert (status, bad) == (200, {"tasks.max", "file", "topic"})
    status, error = server.ask("PUT", f"/connector-plugins/{SOURCE_CLASS}/config/validate",
                               {**source, "connector.class": SINK_CLASS})
    for config in ({}, {"name": "n", "topic": "t"}):  # Connect says 500, with a BadRequestException in it
        status, error = server.ask("PUT", f"/connector-plugins/{SOURCE_CLASS}/config/validate", config)
        assert status == 400 and "contains no connector type" in error["message"]
    status, error = server.ask("PUT", f"/connector-plugins/{SOURCE_CLASS}/config/validate",
                               {**source, "connector.class": SINK_CLASS})
    assert (status, error) == (400, {"error_code": 400, "message": (
        f"Included connector type {SINK_CLASS} does not match request type {SOURCE_CLASS}")})


def test_the_level_of_diagnostics_is_read_and_set(server):
    assert server.ask("GET", "/admin/loggers/root") == (200, {"level": "INFO",
                                                              "last_modified": None})
    assert server.ask("PUT", "/admin/loggers/root", {"level": "DEBUG"}) == (200, ["root"])
    status, logger = server.ask("GET", "/admin/loggers/root")
    assert logger["level"] == "DEBUG" and logger["last_modified"] > 1_600_000_000_000
    assert server.ask("PUT", "/admin/loggers/root?scope=cluster", {"level": "INFO"}) == (204, "")
    assert server.ask("PUT", "/admin/loggers/root", {}) == (400, {
        "error_code": 400, "message": "Desired 'level' parameter was not specified in request."})
    for level, becomes in (("TRACE", "DEBUG"), ("FATAL", "ERROR"), ("OFF", "ERROR"), ("info", "INFO")):
        assert server.ask("PUT", "/admin/loggers/root", {"level": level}) == (200, ["root"])
        assert server.ask("GET", "/admin/loggers/root")[1]["level"] == becomes
    assert server.ask("PUT", "/admin/loggers/root", {"level": "BOGUS"})[0] == 404


def test_a_body_that_cannot_be_read_is_a_bad_request(server):
    """Connect says 500 to these."""
    for method, path, body in (("POST", "/connectors",
                                b'{"name": "x", "config": {}, "initial_stat": "PAUSED"}'),
                               ("POST", "/connectors", b"{"), ("POST", "/connectors", b""),
                               ("POST", "/connectors", b"[]"), ("POST", "/connectors", b'{"name":"x"}'),
                               ("PUT", "/connectors/new/config", b"[1]")):
        status, error = server.ask(method, path, body)
        assert (status, error["error_code"]) == (400, 400), (path, body)
    assert server.ask("POST", "/connectors", b"{}", "text/plain") == (415, {
        "error_code": 415, "message": "HTTP 415 Unsupported Media Type"})


def test_names_of_any_letters_are_taken_and_their_place_is_escaped(server):
    import http.client
    config = {"connector.class": "counter", "topic": "n", "limit": "1"}
    for name, path in (("my conn", "my%20conn"), ("z\u00e4hler", "z%C3%A4hler"), ("a+b", "a%2Bb"),
                       ("x%y", "x%25y"), ("q?z#", "q%3Fz%23")):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("POST", "/connectors", json.dumps({"name": name, "config": config}),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 201, name
        assert answer.getheader("Location") == f"http://127.0.0.1:{server.port}/connectors/{path}"
        connection.close()
        assert server.ask("GET", f"/connectors/{path}/config")[1]["name"] == name
        assert server.ask("DELETE", f"/connectors/{path}") == (204, "")
    for name in ("", "a/b", "tab\tx", " lead"):
        status, error = server.ask("POST", "/connectors", {"name": name, "config": config})
        assert (status, error["error_code"]) == (400, 400), name


def test_a_missing_name_is_an_error_of_validation(server):
    for config in ({}, {"name": ""}):
        result = server.ask("PUT", "/connector-plugins/counter/config/validate",
                            {"connector.class": "counter", "topic": "n", **config})[1]
        assert result["error_count"] == 1
        name = next(e for e in result["configs"] if e["definition"]["name"] == "name")
        assert name["value"]["errors"] == ["is missing; it has no default"]


def test_puts_at_a_time_leave_one_of_them(server):
    import threading
    def config(number):
        return {"connector.class": "counter", "topic": f"t{number}", "limit": "0",
                "interval.ms": "10", "counters": "4", "tasks.max": str(number % 4 + 1)}

    def put(number):
        answers.append(server.ask("PUT", "/connectors/same/config", config(number))[0])

    answers = []
    threads = [threading.Thread(target=put, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(answers)) in ([200], [200, 201], [201]), answers
    now = server.ask("GET", "/connectors/same/config")[1]
    assert now in [{**config(number), "name": "same"} for number in range(12)]
    servers.wait_until(lambda: server.state("same") == (
        "RUNNING", ["RUNNING"] * int(now["tasks.max"])), "its tasks")


def test_the_place_of_what_was_made_is_absolute(server, source, folder):
    import urllib.request
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/connectors/new/config", json.dumps(source).encode(),
        {"Content-Type": "application/json"}, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Location"] == f"http://127.0.0.1:{server.port}/connectors/new"
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/connectors/new",
                                     method="DELETE")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Content-Type"] is None
