"""test_registry.py - the schema registry's REST API: what each request is answered with, alone and in a worker."""
import http.client
import json
import os
import subprocess
import threading

import pytest
import servers
from registries import JSON, Registry, quoted, record

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIRST = record(("id", "long"))
SECOND = record(("id", "long"), ("note", "string", ""))
BROKEN = record(("id", "long"), ("must", "string"))  # not backward: no default


@pytest.fixture
def registry(weir, folder):
    return Registry(weir, folder)


def test_a_subject_lives_from_its_first_version_to_its_permanent_deletion(registry):
    path = "/subjects/orders-value"
    assert registry.register("orders-value", FIRST) == 1
    assert registry.register("orders-value", SECOND) == 2
    assert registry.register("orders-value", FIRST) == 1  # found again
    assert registry.register("other", FIRST) == 1  # one schema, one id
    assert registry.get("/subjects") == ["orders-value", "other"]
    assert registry.get("/subjects?subjectPrefix=ord") == ["orders-value"]
    assert registry.get("/subjects?offset=1&limit=1") == ["other"]
    assert registry.get(f"{path}/versions") == [1, 2]
    for version, number in (("1", 1), ("2", 2), ("latest", 2), ("-1", 2)):
        found = registry.get(f"{path}/versions/{version}")
        assert (found["subject"], found["version"], found["id"]) == ("orders-value", number, number)
    assert registry.get(f"{path}/versions/1/schema") == json.loads(FIRST)
    status, found = registry.ask("POST", path, {"schema": FIRST})
    assert (status, found["version"], found["id"]) == (200, 1, 1)
    assert registry.refused(40403, "POST", path, {"schema": '"string"'}) == "Schema not found"
    assert registry.ask("DELETE", f"{path}/versions/1") == (200, 1)
    assert registry.get(f"{path}/versions") == [2]
    assert registry.get(f"{path}/versions?deleted=true") == [1, 2]
    assert registry.get(f"{path}/versions?deletedOnly=true") == [1]
    assert registry.refused(40402, "GET", f"{path}/versions/1") == "Version 1 not found."
    registry.refused(40407, "DELETE", f"{path}/versions/2?permanent=true")
    assert registry.ask("DELETE", f"{path}/versions/1?permanent=true") == (200, 1)
    assert registry.ask("DELETE", path) == (200, [2])
    assert registry.refused(40401, "GET", f"{path}/versions") == "Subject 'orders-value' not found."
    registry.refused(40404, "DELETE", path)
    registry.refused(40405, "DELETE", "/subjects/other?permanent=true")
    assert registry.get("/subjects?deletedOnly=true") == ["orders-value"]
    assert registry.ask("DELETE", f"{path}?permanent=true") == (200, [2])
    assert registry.get("/subjects?deleted=true") == ["other"]
    assert registry.register("orders-value", record(("new", "int"))) == 3  # no id is used twice


def test_schemas_are_found_by_their_id(registry):
    assert registry.register("a", FIRST) == 1
    assert registry.register("b", FIRST) == 1
    assert registry.register("b", SECOND) == 2
    assert json.loads(registry.get("/schemas/ids/1")["schema"]) == json.loads(FIRST)
    assert registry.get("/schemas/ids/1?fetchMaxId=true")["maxId"] == 2
    assert registry.get("/schemas/ids/1/schema") == json.loads(FIRST)
    assert registry.get("/schemas/ids/1/subjects") == ["a", "b"]
    assert registry.get("/schemas/ids/1/versions") == [{"subject": "a", "version": 1},
                                                       {"subject": "b", "version": 1}]
    assert [(s["subject"], s["version"]) for s in registry.get("/schemas")] == [
        ("a", 1), ("b", 1), ("b", 2)]
    assert [(s["subject"], s["version"]) for s in registry.get("/schemas?latestOnly=true")] == [
        ("a", 1), ("b", 2)]
    assert set(registry.get("/schemas/types")) == {"AVRO", "JSON", "PROTOBUF"}
    assert registry.refused(40403, "GET", "/schemas/ids/99") == "Schema 99 not found"
    registry.refused(404, "GET", "/schemas/ids/x")
    registry.refused(404, "GET", "/schemas/ids/1/subjects?limit=x")


def test_an_incompatible_schema_is_refused_with_the_reason_and_its_place(registry):
    registry.register("orders", FIRST)
    message = registry.refused(409, "POST", "/subjects/orders/versions", {"schema": BROKEN})
    assert message.startswith("Schema being registered is incompatible with an earlier schema for subject "
                              '"orders", details: ')
    assert "READER_FIELD_MISSING_DEFAULT_VALUE" in message and "/fields/1" in message
    for version in ("/1", "/latest", ""):
        path = f"/compatibility/subjects/orders/versions{version}"
        assert registry.ask("POST", path, {"schema": BROKEN}) == (200, {"is_compatible": False})
        _, answer = registry.ask("POST", f"{path}?verbose=true", {"schema": BROKEN})
        assert answer["is_compatible"] is False
        assert "READER_FIELD_MISSING_DEFAULT_VALUE" in "".join(answer["messages"])
        assert registry.ask("POST", path, {"schema": SECOND}) == (200, {"is_compatible": True})
    registry.refused(40402, "POST", "/compatibility/subjects/orders/versions/9", {"schema": FIRST})
    assert registry.ask("PUT", "/config/orders", {"compatibility": "NONE"})[0] == 200
    registry.register("orders", BROKEN)


def test_error_code_40901_and_another_level_are_options(weir, folder):
    registry = Registry(weir, folder, "--error-codes", "long", "--compatibility", "FULL")
    assert registry.get("/config")["compatibilityLevel"] == "FULL"
    registry.register("orders", FIRST)
    registry.refused(40901, "POST", "/subjects/orders/versions", {"schema": BROKEN})


def test_configuration_and_mode_are_global_and_of_a_subject(registry):
    assert registry.get("/config") == {"compatibilityLevel": "BACKWARD"}
    for level in ("NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL",
                  "FULL_TRANSITIVE"):
        assert registry.ask("PUT", "/config", {"compatibility": level}) == (200, {"compatibility": level})
        assert registry.get("/config")["compatibilityLevel"] == level
    registry.refused(40408, "GET", "/config/orders")
    assert registry.get("/config/orders?defaultToGlobal=true")["compatibilityLevel"] == level
    more = {"compatibility": "FULL", "normalize": True, "compatibilityGroup": "major",
            "defaultMetadata": {"properties": {"owner": "shop"}}}
    assert registry.ask("PUT", "/config/orders", more) == (200, more)
    found = registry.get("/config/orders")
    assert found.pop("compatibilityLevel") == more.pop("compatibility") and found == more
    assert registry.ask("DELETE", "/config/orders")[0] == 200
    registry.refused(40408, "GET", "/config/orders")
    assert registry.get("/mode") == {"mode": "READWRITE"}
    registry.refused(40409, "GET", "/mode/orders")
    assert registry.ask("PUT", "/mode/orders", {"mode": "READONLY"}) == (200, {"mode": "READONLY"})
    registry.refused(42205, "POST", "/subjects/orders/versions", {"schema": FIRST})
    assert registry.ask("DELETE", "/mode/orders") == (200, {"mode": "READONLY"})
    assert registry.ask("PUT", "/mode/orders", {"mode": "IMPORT"})[0] == 200
    assert registry.register("orders", FIRST, id=77, version=5) == 77
    assert registry.get("/subjects/orders/versions") == [5]


def test_references_are_resolved_and_protected(registry):
    registry.register("address", record(("street", "string"), name="Address"))
    refers = record(("home", "Address"), name="Person")
    registry.refused(42201, "POST", "/subjects/person/versions", {"schema": refers})
    reference = {"name": "Address", "subject": "address", "version": 1}
    number = registry.register("person", refers, references=[reference])
    assert registry.get(f"/schemas/ids/{number}")["references"] == [reference]
    assert registry.get("/subjects/address/versions/1/referencedby") == [number]
    registry.refused(42206, "DELETE", "/subjects/address/versions/1")
    registry.refused(42206, "DELETE", "/subjects/address")


def test_json_schema_and_protobuf_are_stored_and_served(registry):
    for kind, schema in (("JSON", '{"type":"object","properties":{"a":{"type":"string"}}}'),
                         ("PROTOBUF", 'syntax = "proto3"; message A { string a = 1; }')):
        subject = kind.lower()
        number = registry.register(subject, schema, schemaType=kind)
        assert registry.register(subject, schema, schemaType=kind) == number
        found = registry.get(f"/subjects/{subject}/versions/1")
        assert (found["schemaType"], found["schema"]) == (kind, schema)


def test_contexts_are_apart(registry):
    assert registry.register("orders", FIRST) == 1
    assert registry.register(":.two:orders", SECOND) == 1  # ids are a context's own
    assert registry.get("/contexts") == [".", ".two"]
    assert registry.get("/subjects") == [":.two:orders", "orders"] or \
        registry.get("/subjects") == ["orders", ":.two:orders"]
    assert registry.get("/subjects?subjectPrefix=" + quoted(":.two:")) == [":.two:orders"]
    assert json.loads(registry.get("/schemas/ids/1?subject=" + quoted(":.two:"))["schema"]) == \
        json.loads(SECOND)
    registry.refused(42211, "DELETE", "/contexts/.two")
    registry.ask("DELETE", "/subjects/" + quoted(":.two:orders"))
    registry.ask("DELETE", "/subjects/" + quoted(":.two:orders") + "?permanent=true")
    assert registry.send("DELETE", "/contexts/.two")[0] == 204
    assert registry.get("/contexts") == ["."]


def test_subjects_may_have_any_characters(registry):
    for subject in ("a/b", "ü ö", "a%2Fb", "a?b&c=d", "x" * 1000, "..", "a\\b\"c"):
        number = registry.register(subject, FIRST)
        assert registry.get(f"/subjects/{quoted(subject)}/versions") == [1], subject
        assert registry.get(f"/subjects/{quoted(subject)}/versions/1")["subject"] == subject
        assert subject in registry.get(f"/schemas/ids/{number}/subjects")


def test_content_types_are_negotiated(registry):
    """As Confluent's: what Accept likes best, and its own type first; bodies of four types."""
    for accept, given in ((None, JSON), ("*/*", JSON), ("application/json", "application/json"),
                          ("application/vnd.schemaregistry+json, application/json; q=0.5",
                           "application/vnd.schemaregistry+json"),
                          (f"{JSON}, application/vnd.schemaregistry+json, application/json", JSON)):
        status, headers, _ = registry.send("GET", "/subjects", headers={"Accept": accept})
        assert (status, headers["Content-Type"]) == (200, given), accept
    assert registry.send("GET", "/subjects", headers={"Accept": "text/html"})[0] == 406
    for kind in (JSON, "application/vnd.schemaregistry+json", "application/json",
                 "application/octet-stream", "application/json; charset=utf-8", None):
        status, answer = registry.ask("POST", "/subjects/a/versions", {"schema": FIRST},
                                      {"Content-Type": kind})
        assert status == 200, (kind, answer)
    registry.refused(415, "POST", "/subjects/a/versions", {"schema": FIRST},
                     {"Content-Type": "text/plain"})


def test_the_server_says_who_it_is_and_how_it_is(registry):
    assert registry.get("/") == {}
    assert registry.get("/v1/metadata/id")["scope"]["clusters"]["kafka-cluster"]
    assert registry.get("/v1/metadata/version")["version"]
    registry.register("a", FIRST)
    for path, expected in (("/healthz", "ok\n"), ("/readyz", "ready\n")):
        assert registry.send("GET", path, headers={"Accept": "text/plain"})[2].decode() == expected
    page = registry.send("GET", "/metrics")[2].decode()
    assert "weir_registry_subjects 1" in page and "weir_registry_schemas 1" in page
    registry.refused(404, "GET", "/nowhere")
    registry.refused(405, "PUT", "/subjects")


def test_all_is_there_after_kill_9(registry):
    registry.register("orders", FIRST)
    registry.register("orders", SECOND)
    registry.ask("PUT", "/config/orders", {"compatibility": "FULL"})
    registry.ask("PUT", "/mode/other", {"mode": "READONLY"})
    registry.ask("DELETE", "/subjects/orders/versions/1")
    before = [registry.get(path) for path in
              ("/subjects/orders/versions?deleted=true", "/config/orders", "/mode/other", "/schemas")]
    registry.run.kill()
    registry.start()
    assert before == [registry.get(path) for path in
                      ("/subjects/orders/versions?deleted=true", "/config/orders", "/mode/other", "/schemas")]


def test_one_schema_from_a_hundred_at_once_has_one_id(registry):
    """Over eight connections, in several subjects."""
    ids, failures, start = [], [], threading.Barrier(8)

    def work(worker):
        connection = registry.connect()
        start.wait()
        for turn in range(13):
            status, answer = registry.ask("POST", f"/subjects/s{(worker + turn) % 3}/versions",
                                          {"schema": FIRST}, connection=connection)
            (ids if status == 200 else failures).append(answer["id"] if status == 200 else answer)
        connection.close()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and len(ids) == 104 and set(ids) == {1}
    assert registry.get("/schemas/ids/1/subjects") == ["s0", "s1", "s2"]
    assert registry.get("/subjects/s0/versions") == [1]


def test_kill_9_under_registrations_loses_nothing_acknowledged(registry):
    acknowledged = {}
    for turn in range(3):
        stop = threading.Event()

        def work(worker):
            connection, number = registry.connect(), 0
            while not stop.is_set():
                subject = f"t{turn}-{worker}-{number}"
                try:
                    status, answer = registry.ask(
                        "POST", f"/subjects/{subject}/versions",
                        {"schema": record((f"f{number}", "long"), name=f"R{turn}_{worker}")},
                        connection=connection)
                except (OSError, http.client.HTTPException):
                    break
                assert status == 200, answer
                acknowledged[subject] = answer["id"]
                number += 1
            connection.close()

        had = len(acknowledged)
        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        servers.wait_until(lambda: len(acknowledged) > had + 50, "registrations")
        registry.run.kill()
        stop.set()
        for thread in threads:
            thread.join()
        registry.start()
        for subject, number in acknowledged.items():
            assert registry.get(f"/subjects/{subject}/versions/1")["id"] == number
    assert len(set(acknowledged.values())) == len(acknowledged)


def test_a_worker_serves_its_registry(weir, folder):
    """With --registry beside the REST API; a second one on the same port is told which flag to change."""
    port = servers.free_port()
    run = weir(["server", "--data", f"{folder}/data", "--rest", "none", "--registry", f"127.0.0.1:{port}"])
    servers.wait_until(lambda: "the schema registry is ready" in run.output, "the registry to be ready")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/subjects/a/versions", json.dumps({"schema": FIRST}))
    assert json.loads(connection.getresponse().read())["id"] == 1
    assert run.stop() == 0
    pipeline = f"{folder}/pipeline.yaml"
    with open(pipeline, "w") as file:
        file.write("name: n\nsource:\n  connector: counter\n  config: {topic: numbers, limit: 10}\n")
    run = weir(["run", pipeline, "--data", f"{folder}/data"])  # the worker's own schemas are in the same registry
    assert run.wait() == 0, run.output
    run = weir(["server", "--data", f"{folder}/data", "--rest", "none", "--registry", f"127.0.0.1:{port}"])
    servers.wait_until(lambda: "the schema registry is ready" in run.output, "the registry to be ready")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/subjects")
    assert json.loads(connection.getresponse().read()) == ["a", "numbers-value"]
    second = weir(["server", "--data", f"{folder}/other", "--rest", "none", "--registry",
                   f"127.0.0.1:{port}"])
    assert second.wait() == 1
    assert (f"port {port} is in use by another process: choose another one with --registry HOST:PORT, or "
            "switch the listener off with --registry none") in second.output
    alone = weir(["registry", "--data", f"{folder}/other", "--listen", f"127.0.0.1:{port}"])
    assert alone.wait() == 1
    assert alone.output.rstrip().endswith("choose another one with --listen HOST:PORT"), alone.output
    assert run.stop() == 0


def make_certificate(folder):
    certificate, key = f"{folder}/cert.pem", f"{folder}/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


def test_users_have_roles_for_prefixes_and_tls_hides_them(weir, build, folder):
    hashed = subprocess.run([f"{build}/weir", "registry", "--hash-password"], input="s3cret\n", text=True,
                            capture_output=True, check=True).stdout.strip()
    with open(f"{folder}/users.yaml", "w") as file:
        file.write(f'users:\n  boss:\n    password: "{hashed}"\n    admin: [""]\n'
                   '  shop:\n    password: pw\n    write: ["shop."]\n'
                   '  eye:\n    password: pw\n    read: ["shop."]\n')
    certificate, key = make_certificate(folder)
    registry = Registry(weir, folder, "--users", f"{folder}/users.yaml", "--tls-certificate", certificate,
                        "--tls-key", key)
    registry.refused(401, "GET", "/subjects")
    for wrong in ("boss:x", "nobody:s3cret", "shop:"):
        registry.user = wrong
        registry.refused(401, "GET", "/subjects")
    registry.user = "boss:s3cret"
    registry.register("hr.people", SECOND)
    registry.user = "shop:pw"
    assert registry.register("shop.orders", FIRST) == 2
    may = [("GET", "/subjects?subjectPrefix=shop."), ("GET", "/subjects/shop.orders/versions"),
           ("GET", "/schemas/ids/2"), ("GET", "/config"), ("GET", "/contexts"), ("GET", "/schemas/types"),
           ("POST", "/subjects/shop.orders"), ("POST", "/compatibility/subjects/shop.orders/versions")]
    writes = [("POST", "/subjects/shop.orders/versions"), ("DELETE", "/subjects/shop.orders/versions/1")]
    administers = [("PUT", "/config/shop.orders"), ("PUT", "/mode/shop.orders"), ("PUT", "/config"),
                   ("DELETE", "/subjects/shop.orders?permanent=true"), ("DELETE", "/contexts/.x")]
    foreign = [("GET", "/subjects"), ("GET", "/schemas"), ("GET", "/subjects/hr.people/versions"),
               ("GET", "/schemas/ids/1"), ("GET", "/config/hr.people"), ("POST", "/subjects/hr.people")]
    body = {"schema": FIRST, "compatibility": "NONE", "mode": "READONLY"}

    def send(call):
        return registry.ask(call[0], call[1], body if call[0] in ("POST", "PUT") else None)[0]

    registry.user = "eye:pw"
    assert [send(call) for call in may] == [200] * len(may)
    assert {send(call) for call in writes + administers + foreign} == {403}
    registry.user = "shop:pw"
    assert {send(call) for call in administers + foreign} == {403}
    assert [send(call) for call in may + writes] == [200] * len(may + writes)
    registry.user = "boss:s3cret"
    assert send(("PUT", "/config/shop.orders")) == 200
    assert send(foreign[0]) == 200


def test_wrong_access_rules_are_named(weir, folder):
    for rules, message in (("users: {}", "a map \"users\""), ("users:\n  a: {write: ['']}", "has no password"),
                           ("users:\n  a: {password: x, reads: ['']}", "\"reads\" is none of"),
                           ("users:\n  a:\n    password: pbkdf2-sha256$x", "no hash of the form"),
                           ("users:\n  a: {password: x, read: all}", "a list of at most")):
        with open(f"{folder}/users.yaml", "w") as file:
            file.write(rules)
        run = weir(["registry", "--data", f"{folder}/data", "--listen", "127.0.0.1:0", "--users",
                    f"{folder}/users.yaml"])
        assert run.wait() == 1 and message in run.output, (rules, run.output)


@pytest.fixture
def schema(registry, build, folder):
    """Runs `weir schema` against the registry."""
    def run(*arguments, text=None):
        done = subprocess.run([f"{build}/weir", "schema", *arguments, "--url", registry.url], input=text,
                              text=True, capture_output=True, timeout=60, cwd=folder)
        return done.returncode, done.stdout, done.stderr
    return run


def test_the_command_line_registers_shows_checks_and_compares(registry, schema, folder):
    for name, text in (("first", FIRST), ("second", SECOND), ("broken", BROKEN)):
        with open(f"{folder}/{name}.avsc", "w") as file:
            file.write(text)
    assert schema("register", "orders", "first.avsc")[:2] == (0, "id 1, version 1\n")
    assert schema("list")[:2] == (0, "orders\n")
    assert schema("list", "x")[:2] == (0, "")
    code, out, _ = schema("get", "orders")
    assert code == 0 and json.loads(out) == json.loads(FIRST)
    assert json.loads(schema("get", "orders", "1", "--json")[1])["id"] == 1
    code, out, _ = schema("check", "orders", "broken.avsc")
    assert code == 1 and out.startswith("not compatible\n") and "READER_FIELD_MISSING_DEFAULT_VALUE" in out
    assert schema("check", "orders", "second.avsc", "--version", "latest")[:2] == (0, "compatible\n")
    assert schema("register", "orders", "-", text=SECOND)[:2] == (0, "id 2, version 2\n")
    code, out, _ = schema("diff", "orders", "1", "2")
    assert code == 1 and '+       "name": "note"' in out and "  {\n" in out
    assert schema("diff", "orders", "2", "second.avsc")[0] == 0
    code, _, error = schema("register", "orders", "broken.avsc")
    assert code == 1 and "is incompatible with an earlier schema" in error
    code, _, error = schema("get", "nobody")
    assert code == 1 and error == "weir schema: Subject 'nobody' not found. (40401)\n"
    assert schema("get", "orders", "1", "--deleted", "--json")[0] == 0
    assert schema("frobnicate")[0] == 2 and schema("get")[0] == 2
    registry.run.kill()
    assert schema("list")[0] == 1
