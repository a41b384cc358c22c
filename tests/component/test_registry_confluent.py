"""test_registry_confluent.py - the corners of Confluent's Schema Registry that its clients come to: paths of contexts,
versions in metadata, references in contexts, and what a configuration changes about what is accepted."""
import json

import pytest
from registries import JSON, Registry, quoted, record

FIRST = record(("id", "long"))
SECOND = record(("id", "long"), ("note", "string", ""))
VERSION = "confluent:version"


@pytest.fixture(scope="module")
def registry(tmp_path_factory, build):
    """One for all of these tests: each has subjects or contexts of its own."""
    from conftest import Weir
    folder = str(tmp_path_factory.mktemp("registry"))
    found = Registry(lambda arguments, env: Weir(build, folder, arguments, env), folder)
    yield found
    assert found.run.stop() == 0, found.run.output[-4000:]


def test_everything_stands_below_a_context_as_well(registry):
    ctx = "/contexts/.left"
    assert registry.ask("POST", f"{ctx}/subjects/a/versions", {"schema": FIRST})[1]["id"] == 1
    assert registry.ask("POST", f"{ctx}/subjects/:.right:b/versions", {"schema": SECOND})[1]["id"] == 1  # says its own
    assert registry.ask("POST", "/contexts/:.:/subjects/plain/versions", {"schema": SECOND})[0] == 200
    assert registry.get(f"{ctx}/subjects") == [":.left:a"] == registry.get("/contexts/left/subjects/")
    assert registry.get(f"{ctx}/subjects?subjectPrefix=b") == []
    assert registry.get(f"{ctx}/subjects?subjectPrefix=:.right:") == [":.right:b"]
    assert "plain" in registry.get("/contexts/:.:/subjects") and ":.left:a" not in registry.get("/contexts/./subjects")
    assert [s["subject"] for s in registry.get(f"{ctx}/schemas")] == [":.left:a"]
    assert registry.get(f"{ctx}/subjects/a/versions/1")["subject"] == ":.left:a"
    assert json.loads(registry.get(f"{ctx}/schemas/ids/1")["schema"]) == json.loads(FIRST)
    assert json.loads(registry.get("/contexts/%3A.right%3A/schemas/ids/1")["schema"]) == json.loads(SECOND)
    assert registry.get(f"{ctx}/schemas/ids/1/subjects") == [":.left:a"]
    registry.refused(40403, "GET", f"{ctx}/schemas/ids/7")
    assert registry.ask("POST", f"{ctx}/subjects/a", {"schema": FIRST})[1]["version"] == 1
    assert registry.ask("POST", f"{ctx}/compatibility/subjects/a/versions/latest", {"schema": SECOND}) == (
        200, {"is_compatible": True})
    assert registry.ask("PUT", f"{ctx}/config", {"compatibility": "FULL"})[0] == 200
    assert registry.get("/config/:.left:")["compatibilityLevel"] == "FULL"
    assert registry.get("/config")["compatibilityLevel"] == "BACKWARD"
    assert registry.ask("PUT", f"{ctx}/mode/a", {"mode": "READONLY"})[0] == 200
    assert registry.get("/mode/:.left:a") == {"mode": "READONLY"} == registry.ask("DELETE", f"{ctx}/mode/a")[1]
    registry.refused(42211, "DELETE", ctx)
    for permanent in ("", "?permanent=true"):
        assert registry.ask("DELETE", f"{ctx}/subjects/a{permanent}") == (200, [1])
    assert ".left" in registry.get(f"{ctx}/contexts")
    assert registry.send("DELETE", f"{ctx}/")[0] == 204
    assert registry.get("/contexts?contextPrefix=.left") == []
    registry.refused(404, "GET", "/contexts/a:b/subjects")


def test_contexts_are_listed_by_prefix_and_page(registry):
    for name in ("gamma", "alpha", "delta"):
        registry.register(f":.list-{name}:a", FIRST)
    assert registry.get("/contexts?contextPrefix=.list-") == [".list-alpha", ".list-delta", ".list-gamma"]
    assert registry.get("/contexts?contextPrefix=.list-&offset=1&limit=1") == [".list-delta"]
    assert registry.get("/contexts")[0] == "." and registry.get("/contexts?contextPrefix=.LIST") == []


def test_subjects_are_sorted_as_texts_and_schemas_are_of_one_context(registry):
    names = [":.sorted:b", "0-sorted", "sorted"]
    for name in names:
        registry.register(name, FIRST)
    assert [name for name in registry.get("/subjects") if "sorted" in name] == ["0-sorted", ":.sorted:b", "sorted"]
    assert [name for name in registry.get("/subjects?subjectPrefix=") if "sorted" in name] == ["0-sorted", "sorted"]
    assert [s["subject"] for s in registry.get("/schemas") if "sorted" in s["subject"]] == ["0-sorted", "sorted"]
    assert [s["subject"] for s in registry.get("/schemas?subjectPrefix=:*:") if "sorted" in s["subject"]] == [
        "0-sorted", ":.sorted:b", "sorted"]


def test_deleted_versions_are_listed_with_a_minus_on_request(registry):
    registry.register("minus", FIRST), registry.register("minus", SECOND)
    assert registry.ask("DELETE", "/subjects/minus/versions/1") == (200, 1)
    assert registry.get("/subjects/minus/versions?deletedAsNegative=true") == [-1, 2]


def test_the_latest_version_with_certain_metadata_is_found(registry):
    for schema, properties in ((FIRST, {"owner": "ann", "level": "1"}), (SECOND, {"owner": "ann", "level": "2"})):
        registry.register("owned", schema, metadata={"properties": properties})
    path = "/subjects/owned/metadata"
    assert registry.get(f"{path}?key=owner&value=ann")["version"] == 2
    assert registry.get(f"{path}?key=owner&value=ann&key=level&value=1")["version"] == 1
    assert registry.get(f"{path}?key=level&value=1&key=owner")["version"] == 1  # a key without value does not count
    assert registry.refused(40403, "GET", f"{path}?key=owner&value=bob") == "Schema not found"
    registry.refused(40401, "GET", "/subjects/nobody/metadata?key=a&value=b")
    assert registry.ask("DELETE", "/subjects/owned/versions/1") == (200, 1)
    registry.refused(40403, "GET", f"{path}?key=level&value=1")
    assert registry.get(f"{path}?key=level&value=1&deleted=true")["version"] == 1


def test_a_version_that_is_asked_for_is_in_the_metadata(registry):
    def send(version=None, metadata=None, method="/versions"):
        body = {"schema": FIRST, "version": version, "metadata": metadata}
        status, answer = registry.ask("POST", f"/subjects/:.v:numbered{method}", body)
        return answer["version"] if status == 200 else answer["error_code"]

    def numbered(version):
        return {"properties": {VERSION: str(version)}}

    def metadata():
        return registry.get("/subjects/:.v:numbered/versions/latest").get("metadata")

    assert send() == 1 and metadata() is None
    assert send(-1) == 1
    assert send(2) == 2 and metadata() == numbered(2)
    assert send(-1) == 2
    assert send(method="") == 1  # the first lacks the property, as the question does
    assert send(metadata=numbered(1), method="") == 1
    assert send(metadata=numbered(2), method="") == 2
    assert registry.ask("DELETE", "/subjects/:.v:numbered/versions/1") == (200, 1)
    assert send(method="") == 2 and send() == 2
    assert send(3) == 3 and send(-1) == 3 and send(-1) == 3
    assert send(3) == 42201  # not the next
    assert send(4) == 4 and send(method="") == 4
    assert send(metadata=numbered(-1)) == 5 and metadata() == numbered(5)
    assert send(metadata=numbered(2)) == 2 and send(metadata=numbered(3)) == 3
    assert send(metadata=numbered(0)) == 6 and metadata() == numbered(6)
    assert send(metadata={"properties": {}}) == 6
    assert send(metadata={"properties": {"mine": "x"}}) == 7 and metadata() == {"properties": {"mine": "x"}}
    assert send(-1) == 8 and metadata()["properties"][VERSION] == "8"
    assert send(metadata={"properties": {"mine": "x"}}, method="") == 7
    assert registry.ask("DELETE", "/subjects/:.v:numbered/versions/7") == (200, 7)
    assert send(metadata={"properties": {"mine": "x"}}, method="") == 8


def test_references_are_of_their_schemas_context_unless_they_say_another_one(registry):
    inner, outer = record(("x", "int"), name="Inner"), record(("i", "Inner"), name="Outer")
    for place, written, qualified in ((":.r1:", "inner", ":.r1:inner"), ("", ":.r2:inner", ":.r2:inner")):
        subject = f"{place}outer"
        registry.register(f"{'' if written[0] == ':' else place}{written}", inner)
        reference = {"name": "Inner", "subject": written, "version": 1}
        id_ = registry.register(subject, outer, references=[reference])
        plain = registry.get(f"/schemas/ids/{id_}?subject={quoted(subject)}")
        assert (plain["subject"], plain["version"], plain["references"]) == (subject, 1, [reference])
        for path in (f"/schemas/ids/{id_}?subject={quoted(subject)}&",
                     f"/subjects/{quoted(subject)}/versions/1?"):
            found = registry.get(f"{path}referenceFormat=qualified")
            assert found["references"] == [{**reference, "subject": qualified}] and found["guid"] == plain["guid"]
        target = f"/subjects/{quoted(qualified)}/versions/1"
        assert registry.get(f"{target}/referencedby") == [id_]
        assert registry.refused(42206, "DELETE", target) == (
            f"One or more references exist to the schema {{magic=1,keytype=SCHEMA,subject={qualified},version=1}}.")
        whole = json.loads(outer)
        whole["fields"][0]["type"] = json.loads(inner)
        assert registry.ask("POST", f"/subjects/{quoted(subject)}", {"schema": json.dumps(whole)})[1]["id"] == id_
        resolved = registry.ask("POST", f"/subjects/{quoted(subject)}?format=resolved",
                                {"schema": outer, "references": [reference]})[1]
        assert json.loads(resolved["schema"]) == whole and resolved["guid"] == plain["guid"]
        assert registry.ask("DELETE", f"/subjects/{quoted(subject)}/versions/1") == (200, 1)
        assert registry.get(f"{target}/referencedby") == []
        assert registry.ask("DELETE", target) == (200, 1)
        registry.refused(42201, "POST", f"/subjects/{quoted(subject)}/versions",
                         {"schema": outer, "references": [reference]})  # dangling: it must not come back


def test_reserved_fields_stay_reserved_while_fields_are_validated(registry):
    def send(reserved, *fields):
        body = {"schema": record(*((name, "string", "") for name in fields)),
                "metadata": {"properties": {"confluent:reserved": reserved}} if reserved else None}
        return registry.ask("POST", "/subjects/reserved/versions", body)

    assert registry.ask("PUT", "/config/reserved", {"validateFields": True})[0] == 200
    status, answer = send("f, g", "f", "x")
    assert (status, answer["error_code"]) == (409, 409)
    assert "The new schema has field that conflicts with the reserved field f." in answer["message"]
    assert "{validateFields: 'true', compatibility: 'BACKWARD'}" in answer["message"]
    assert send("f, g", "x")[0] == 200
    status, answer = send("g", "x", "y")
    assert status == 409 and "has reserved field f removed from its metadata" in answer["message"]
    assert registry.ask("PUT", "/config/reserved", {"validateFields": False})[0] == 200
    assert send("g", "x", "f")[0] == 200


def test_a_json_schema_is_found_whatever_the_order_of_its_members(registry):
    texts = ('{"type": "object", "title": "T"}', '{"title":"T","type":"object"}')
    registry.register("ordered", texts[0], schemaType="JSON")
    assert registry.ask("POST", "/subjects/ordered", {"schema": texts[1], "schemaType": "JSON"})[1]["version"] == 1
    assert registry.ask("POST", "/subjects/ordered/versions", {"schema": texts[1], "schemaType": "JSON"})[1]["id"] == \
        registry.get("/subjects/ordered/versions/1")["id"]


def test_content_types_are_negotiated_as_by_jax_rs(registry):
    for accept, expected in ((None, JSON), ("*/*", JSON), ("*", JSON), ("application/*", JSON), ("*/json", JSON),
                             ("application/json", "application/json"),
                             ("text/html, */*; q=.2", JSON),
                             ("application/vnd.schemaregistry+json; q=0.9, application/json; q=0.1",
                              "application/vnd.schemaregistry+json")):
        status, headers, _ = registry.send("GET", "/subjects", headers={"Accept": accept})
        assert (status, headers["Content-Type"]) == (200, expected), accept
    for accept in ("text/*", "application/vnd.schemaregistry.v2+json"):
        assert registry.refused(406, "GET", "/subjects", headers={"Accept": accept}) == "HTTP 406 Not Acceptable"
    assert registry.refused(415, "PUT", "/config", {"compatibility": "NONE"}, {"Content-Type": "text/html"}) == (
        "HTTP 415 Unsupported Media Type")
    assert registry.get("/v1/metadata/deployment") == {"attributes": []}
    for version in ("+1", " 1 ", "LATEST"):
        registry.register("spelled", FIRST)
        assert registry.get(f"/subjects/spelled/versions/{quoted(version)}")["version"] == 1


def test_what_is_no_schema_to_the_letter_is_taken_where_it_is_not_new(registry):
    bad_default = record(("a", "string", None))
    bad_name = json.dumps({"type": "record", "name": "R", "namespace": "a-bad.ns", "fields": []})
    for number, bad in enumerate((bad_default, bad_name)):
        path = f"/subjects/:.loose{number}:a"
        assert "Invalid schema of type AVRO, details: " in registry.refused(42201, "POST", f"{path}/versions", {"schema": bad})
        registry.refused(42201, "POST", f"/compatibility{path}/versions", {"schema": bad})
        status, answer = registry.ask("POST", f"/compatibility{path}/versions?verbose=true", {"schema": bad})
        assert (status, answer["is_compatible"]) == (200, False) and "Invalid schema" in answer["messages"][0]
        registry.refused(40401, "POST", path, {"schema": bad})  # asked for, it is just not there
        assert registry.ask("PUT", f"/config/:.loose{number}:", {"validateNewSchemas": False})[0] == 200
        assert registry.ask("POST", f"{path}/versions", {"schema": bad})[0] == 200
        assert registry.ask("DELETE", f"/config/:.loose{number}:")[0] == 200
        assert registry.ask("POST", path, {"schema": bad})[1]["version"] == 1
        assert registry.ask("POST", f"{path}/versions", {"schema": bad})[0] == 200  # there already
        assert registry.ask("PUT", f"/mode/:.imports{number}:", {"mode": "IMPORT"})[0] == 200
        assert registry.ask("POST", f"/subjects/:.imports{number}:a/versions?normalize=true",
                            {"schema": bad, "id": 7, "version": 3})[1]["id"] == 7
        found = registry.get(f"/subjects/:.imports{number}:a/versions/3")
        assert json.loads(found["schema"]) == json.loads(bad)
        registry.refused(42201, "POST", f"/subjects/:.imports{number}:a/versions", {"schema": '"nothing"', "id": 8})


def test_a_type_may_be_used_before_it_is_defined(registry):
    later = {"type": "record", "name": "Later", "fields": [{"name": "x", "type": "int"}]}
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "Later"}, {"name": "b", "type": later}]}
    registry.register("forward", json.dumps(schema))
    schema["fields"] = [{"name": "a", "type": later}, {"name": "b", "type": "Later"}]
    assert json.loads(registry.get("/subjects/forward/versions/1")["schema"]) == schema
    assert registry.ask("POST", "/subjects/forward", {"schema": json.dumps(schema)})[1]["version"] == 1


def test_tags_are_added_found_propagated_and_removed(registry):
    def tags(path, *names):
        return {"schemaEntity": {"entityPath": path, "entityType": "sr_field" if path.endswith(".f") else "sr_record"},
                "tags": list(names)}

    def send(**more):
        return registry.ask("POST", "/subjects/tagged/versions", more)

    def latest(tag="*"):
        found = registry.get(f"/subjects/tagged/versions/latest?findTags={tag}")
        return json.loads(found["schema"]), found.get("schemaTags"), found.get("metadata"), found

    plain = {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "f", "type": "string"}]}
    text = json.dumps(plain)
    registry.register("tagged", text)
    status, answer = send(schema=text, version=2, schemaTagsToAdd=[tags("n.R", "A", "B"), tags("n.R.f", "C")])
    assert (status, answer["version"]) == (200, 2)
    tagged = {**plain, "fields": [{**plain["fields"][0], "confluent:tags": ["C"]}], "confluent:tags": ["A", "B"]}
    assert latest()[:3] == (tagged, [tags("n.R", "A", "B"), tags("n.R.f", "C")], {"properties": {VERSION: "2"}})
    assert latest("C")[1] == [tags("n.R.f", "C")] and latest("Z")[1] is None
    by_id = registry.get(f"/schemas/ids/{answer['id']}?findTags=B&findTags=C")
    assert by_id["schemaTags"] == latest()[1]
    status, answer = send(schema=json.dumps(tagged), schemaTagsToRemove=[tags(".n.R", "B", "A"), tags("R.f", "X")])
    assert (status, answer["version"]) == (200, 3)  # without a version the next one
    assert latest()[1:3] == ([tags("n.R.f", "C")], {"properties": {VERSION: "3"}})
    more = {**plain, "fields": [*plain["fields"], {"name": "g", "type": "int", "default": 1}]}
    assert send(schema=json.dumps(more), propagateSchemaTags=True)[1]["version"] == 4
    assert latest()[1] == [tags("n.R.f", "C")]
    for wrong in (tags("n.Q", "A"), tags("n.R.x.f", "A"), {"schemaEntity": {}, "tags": ["A"]},
                  {"schemaEntity": tags("n.R")["schemaEntity"], "tags": [1]}):
        registry.refused(42201, "POST", "/subjects/tagged/versions", {"schema": text, "schemaTagsToAdd": [wrong]})
    registry.refused(42201, "POST", "/subjects/tagged/versions",
                     {"schema": text, "version": 1, "schemaTagsToAdd": [tags("n.R", "A")]})
    path = "/subjects/tagged/versions/latest/tags"
    rule = {"name": "r", "kind": "CONDITION", "mode": "WRITE", "type": "CEL", "expr": "true"}
    status, answer = registry.ask("POST", path, {"newVersion": 5, "tagsToAdd": [tags("n.R", "D")],
                                                 "rulesToMerge": {"domainRules": [rule, {**rule, "name": "s"}]}})
    assert (status, answer["version"]) == (200, 5) and latest("D")[1] == [tags("n.R", "D")]
    assert [r["name"] for r in latest()[3]["ruleSet"]["domainRules"]] == ["r", "s"]
    assert registry.ask("POST", path, {"tagsToRemove": [tags("n.R", "D")], "rulesToRemove": ["r"]})[1]["version"] == 6
    assert latest("D")[1:3] == (None, {"properties": {VERSION: "6"}})
    assert [r["name"] for r in latest()[3]["ruleSet"]["domainRules"]] == ["s"]
    registry.refused(42210, "POST", path, {"ruleSet": {}, "rulesToRemove": ["r"]})
    registry.refused(40401, "POST", "/subjects/no-tags/versions/1/tags", {})
    registry.refused(40402, "POST", "/subjects/tagged/versions/99/tags", {})
    registry.refused(422, "POST", path)
