"""test_registry_bad_input.py - what the schema registry makes of nonsense: the documented code and message, never
a crash, never a 500."""
import json
import socket

import pytest
from registries import Registry, record

FIRST = record(("id", "long"))
VERSIONS = "/subjects/a/versions"


@pytest.fixture(scope="module")
def registry(request, tmp_path_factory, build):
    """One for all of these tests: none of them may hurt it."""
    from conftest import Weir
    folder = str(tmp_path_factory.mktemp("registry"))
    found = Registry(lambda arguments, env: Weir(build, folder, arguments, env), folder)
    found.register("a", FIRST)
    yield found
    assert found.run.process.poll() is None, found.run.output[-4000:]
    assert found.run.stop() == 0, found.run.output[-4000:]


@pytest.fixture(autouse=True)
def unhurt(registry):
    """After each test it answers as before."""
    yield
    assert registry.run.process.poll() is None, registry.run.output[-4000:]
    assert registry.get("/subjects/a/versions/1")["id"] == 1


def test_malformed_json_is_400(registry):
    for body in (b"{", b"{\"schema\":", b"\xff\xfe", b"{\"schema\":\"\xff\"}", b"{\"schema\":\"\\ud800\"}",
                 b"nothing", b"{}{}", b"[" * 100000, b"{\"a\":" * 5000, b"{\"schema\":\"a\\u0000b\"}"):
        for method, path in (("POST", VERSIONS), ("POST", "/subjects/a"), ("PUT", "/config"),
                             ("PUT", "/mode"), ("POST", "/compatibility/subjects/a/versions/1")):
            registry.refused(400, method, path, body)


def test_json_of_another_shape_is_400_and_no_body_422(registry):
    for body in (b"[]", b"1", b"\"x\"", b"null", b'{"schema":{}}', b'{"schema":1}', b'{"schema":"x","id":"1"}',
                 b'{"schema":"x","references":{}}', b'{"schema":"x","metadata":[]}',
                 b'{"schema":"x","ruleSet":1}', b'{"schema":"x","version":1099511627776}'):
        registry.refused(400, "POST", VERSIONS, body)
    registry.refused(400, "POST", VERSIONS, {"schema": FIRST, "references": [1]})
    for method, path in (("POST", VERSIONS), ("POST", "/subjects/a"), ("PUT", "/config/a"), ("PUT", "/mode/a")):
        registry.refused(422, method, path, b"")


def test_a_schema_of_50_mb_is_413_and_one_of_12_mb_42209(registry):
    large = json.dumps({"type": "enum", "name": "E", "symbols": ["A"], "doc": "x" * 50_000_000})
    assert "larger than" in registry.refused(413, "POST", VERSIONS, {"schema": large})
    large = json.dumps({"type": "enum", "name": "E", "symbols": ["A"], "doc": "x" * 12_000_000})
    registry.refused(42209, "POST", VERSIONS, {"schema": large})
    assert registry.register("large", json.dumps({"type": "enum", "name": "E", "symbols": ["A"],
                                                  "doc": "x" * 1_000_000})) > 1


def test_bad_schemas_are_42201_with_what_is_wrong(registry):
    deep = '{"type":"array","items":' * 10_000 + '"int"' + "}" * 10_000
    for schema in (deep, "{", "nothing", '"nothing"', '{"type":"record"}', "null", "[]" * 2, "\x00",
                   record(("a", "int"), ("a", "int")), record(("9", "int")), record(("a", "int", "x")),
                   '{"type":"fixed","name":"F","size":-1}', '{"type":"enum","name":"E","symbols":["A","A"]}',
                   '{"type":"enum","name":"E","symbols":["A"],"default":"B"}', '["int","int"]', '[["int"]]',
                   json.dumps(["null"] + [{"type": "fixed", "name": f"F{i}", "size": 1} for i in range(200_000)])):
        status, answer = registry.ask("POST", VERSIONS, {"schema": schema})
        if "\x00" in schema:
            assert status == 400
            continue
        assert (status, answer.get("error_code")) == (422, 42201), (schema[:80], answer)
        assert answer["message"]
        status, answer = registry.ask("POST", "/compatibility/subjects/a/versions?verbose=true", {"schema": schema})
        assert (status, answer["is_compatible"]) == (200, False) and answer["messages"], (schema[:80], answer)
        registry.refused(42201, "POST", "/compatibility/subjects/a/versions", {"schema": schema})
    registry.refused(42201, "POST", VERSIONS, {"schema": FIRST, "schemaType": "THRIFT"})
    registry.refused(42201, "POST", "/subjects/new/versions", {"schema": "{", "schemaType": "JSON"})
    for nothing in ({}, {"schema": ""}, {"schema": " "}, {"schema": None}):
        registry.refused(42201, "POST", "/subjects/new/versions", nothing)
        assert registry.ask("POST", VERSIONS, nothing)[1]["id"] == 1  # the latest version is meant


def test_bad_versions_are_42202_and_unknown_ones_40402(registry):
    for version in ("0", "-2", "x", "1.5", str(2**31), str(2**40), "9" * 100, "%20", "latest1"):
        for method, path in (("GET", f"{VERSIONS}/{version}"), ("DELETE", f"{VERSIONS}/{version}"),
                             ("GET", f"{VERSIONS}/{version}/schema"), ("GET", f"{VERSIONS}/{version}/referencedby"),
                             ("POST", f"/compatibility{VERSIONS}/{version}")):
            body = {"schema": FIRST} if method == "POST" else None
            message = registry.refused(42202, method, path, body)
            assert "is not a valid version id" in message
    registry.refused(40402, "GET", f"{VERSIONS}/{2**31 - 1}")


def test_unknown_levels_modes_and_subjects_have_their_codes(registry):
    for level in ("SIDEWAYS", "", "backward transitive"):
        registry.refused(42203, "PUT", "/config", {"compatibility": level})
        registry.refused(42203, "PUT", "/config/a", {"compatibility": level})
    for mode in ("SIDEWAYS", ""):
        registry.refused(42204, "PUT", "/mode", {"mode": mode})
    registry.refused(40401, "GET", "/subjects/nobody/versions")
    registry.refused(40401, "GET", "/subjects/nobody/versions/1")
    registry.refused(40401, "DELETE", "/subjects/nobody")
    registry.refused(40401, "POST", "/subjects/nobody", {"schema": FIRST})
    for subject in ("__GLOBAL", "__EMPTY", "%01"):
        registry.refused(42208, "POST", f"/subjects/{subject}/versions", {"schema": FIRST})


def test_an_explicit_id_takes_import_mode_and_one_schema(registry):
    registry.refused(42205, "POST", "/subjects/import/versions", {"schema": FIRST, "id": 500})
    assert registry.ask("PUT", "/mode/import", {"mode": "IMPORT"})[0] == 200
    assert registry.register("import", FIRST, id=500, version=1) == 500
    registry.refused(42205, "POST", "/subjects/import/versions",
                     {"schema": record(("other", "int")), "id": 500, "version": 2})
    for number in (2**40, -2**40, 1.5, "x"):
        registry.refused(400, "POST", "/subjects/import/versions", {"schema": FIRST, "id": number})


def test_paths_and_requests_that_are_none(registry):
    for path in ("/subjects/%zz/versions", "/subjects/%00/versions", "//", "/subjects//versions",
                 "/schemas/ids/99999999999999999999", "/schemas/ids/-", "/%2e%2e/etc/passwd"):
        status, answer = registry.ask("GET", path)
        assert status in (404, 422), (path, answer)
    for raw in (b"GET /subjects HTTP/9.9\r\n\r\n", b"\x00\x01\x02\r\n\r\n", b"GET " + b"/x" * 40000 + b" HTTP/1.1\r\n\r\n",
                b"POST /subjects/a/versions HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                b"POST /subjects/a/versions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                b"POST /subjects/a/versions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"POST /subjects/a/versions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"):
        with socket.create_connection(("127.0.0.1", registry.port), timeout=2) as connection:
            try:
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
                assert b"HTTP/1.1 5" not in connection.recv(65536).replace(b"HTTP/1.1 505", b"")
            except OSError:
                pass  # closed at once: as good as an answer to what is no HTTP
