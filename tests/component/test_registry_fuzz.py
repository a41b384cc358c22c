"""test_registry_fuzz.py - every operation of docs/reference/schema-registry.openapi.json is asked for random things,
from a seed: the answer is one of those that are documented, and never a 500. FUZZ_SEED and FUZZ_ROUNDS vary it."""
import json
import os
import random

from registries import JSON, Registry, quoted, record

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIRST = record(("id", "long"))
VERSIONS = "/subjects/a/versions"

NASTY = ["", " ", "a", "latest", "-1", "0", "1", "2", str(2**31), str(2**40), "%", "ü", "\x7f", "a/b", ":.c:a", ":.c:",
         ":*:", ":.:", "::", ":", "__GLOBAL", "true", "null", "\xff", "x" * 5000, "'\"\\<>&", "../..", "\n", "READONLY",
         "BACKWARD", "🙂", "1e9", "[]", "{}", "-0", "+1", "01", "\u202e", "resolved", "ids"]


class Random:
    """Values for what an OpenAPI schema describes, most of them not what is meant."""

    def __init__(self, seed, document):
        self.random, self.document = random.Random(seed), document

    def resolve(self, thing):
        while "$ref" in thing:
            node = self.document
            for part in thing["$ref"].split("/")[1:]:
                node = node[part]
            thing = node
        return thing

    def text(self):
        if self.random.random() < 0.7:
            return self.random.choice(NASTY)
        return "".join(chr(self.random.choice([self.random.randrange(1, 128), self.random.randrange(128, 0xd800)]))
                       for _ in range(self.random.randrange(12)))

    def schema_text(self):
        good = [FIRST, record(("id", "long"), ("n", ["null", "int"], None)), '"string"', '["null","int"]',
                '{"type":"enum","name":"E","symbols":["A","B"]}', '{"type":"map","values":"long"}',
                record(("a", "Address"), name="P"), '{"type":"object"}', 'syntax = "proto3";']
        text = self.random.choice(good)
        if self.random.random() < 0.4:
            place = self.random.randrange(len(text) + 1)
            text = text[:place] + self.text() + text[place + self.random.randrange(4):]
        return text

    def value(self, schema, name="", depth=0):
        schema = self.resolve(schema)
        if self.random.random() < 0.08:
            return self.random.choice([None, 1, -1, 2**40, 1.5, True, [], {}, "x", [[]], {"a": {}}, 10**400])
        if name == "schema":
            return self.schema_text()
        if "enum" in schema and self.random.random() < 0.8:
            return self.random.choice(schema["enum"])
        kind = schema.get("type", "object")
        if kind == "object":
            members = schema.get("properties") or {"properties": {}, "tags": {}, "domainRules": {}, "x": {}}
            return {key: self.value(of, key, depth + 1) for key, of in members.items()
                    if depth < 4 and self.random.random() < (0.9 if key in schema.get("required", []) else 0.15)}
        if kind == "array":
            return [self.value(schema["items"], "", depth + 1) for _ in range(self.random.randrange(3))]
        return {"integer": self.random.choice([0, 1, 2, -1, 2**31 - 1, 2**31]),
                "boolean": self.random.random() < 0.5}.get(kind, self.text())

    def word(self, schema):
        value = self.value(schema)
        text = value if isinstance(value, str) else json.dumps(value)
        return self.random.choice([text, text, text, self.text()])


def request_of(values, path, operation):
    query = []
    for parameter in operation.get("parameters", []):
        parameter = values.resolve(parameter)
        if parameter["in"] == "path":
            usual = ["1", "latest", "-1"] if parameter["name"] in ("id", "version") else ["a", "b", ":.c:a"]
            word = values.random.choice([*usual, values.word(parameter["schema"])])
            path = path.replace("{%s}" % parameter["name"], quoted(word[:300]) or "x")
        elif values.random.random() < 0.5:
            query.append(f"{parameter['name']}={quoted(values.word(parameter['schema'])[:300])}")
    body = None
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"][JSON]["schema"]
        body = json.dumps(values.value(schema)).encode()
        if values.random.random() < 0.05:
            place = values.random.randrange(len(body) + 1)
            body = body[:place] + values.random.randbytes(3) + body[place:]
    if path != "/" and values.random.random() < 0.1:
        path = f"/contexts/{values.random.choice(['.c', 'c', ':.:', '%3A.c%3A'])}{path}"
    return path + ("?" + "&".join(query) if query else ""), body


def documented(operation):
    # what every operation may say: no such path after all (an argument that is no number), and no body's shape
    return set(operation["responses"]) | {"404"}


def test_random_requests_to_every_operation_get_documented_answers(weir, folder):
    registry = Registry(weir, folder)
    registry.register("a", FIRST)
    with open(f"{ROOT}/docs/reference/schema-registry.openapi.json") as file:
        document = json.load(file)
    operations = [(method.upper(), path, operation) for path, methods in document["paths"].items()
                  for method, operation in methods.items()]
    seed = int(os.environ.get("FUZZ_SEED", "20261121"))
    values = Random(seed, document)
    seen = set()
    for _ in range(int(os.environ.get("FUZZ_ROUNDS", "120"))):
        for method, path, operation in operations:
            target, body = request_of(values, path, operation)
            status, _, text = registry.send(method, target, body)
            what = (f"seed {seed}", method, target, body, status, text[:500])
            assert str(status) in documented(operation), what
            if status >= 300:
                answer = json.loads(text)
                assert set(answer) == {"error_code", "message"} and str(answer["error_code"])[:3] == str(status), what
            elif status == 200 and not path.endswith("/schema"):
                json.loads(text)
            seen.add((method, path, status // 100))
        registry.ask("PUT", "/mode", {"mode": "READWRITE"})  # so that there is always something to change
        registry.ask("PUT", "/mode/a", {"mode": "READWRITE"})
        registry.ask("PUT", "/config/a", {"compatibility": "NONE", "alias": ""})
        registry.ask("DELETE", "/mode/a"), registry.ask("DELETE", "/config/a"), registry.ask("DELETE", "/config")
        registry.ask("POST", VERSIONS, {"schema": FIRST})
    rare = {("DELETE", "/contexts/{context}", 2), ("GET", "/schemas/guids/{guid}", 2),
            ("GET", "/subjects/{subject}/metadata", 2), ("POST", "/subjects/{subject}", 2),
            ("POST", "/subjects/{subject}/versions/{version}/tags", 2)}
    missed = {(method, path, 2) for method, path, _ in operations} - seen - rare
    assert not missed  # it reaches what is behind each
    assert registry.run.stop() == 0, registry.run.output[-4000:]
