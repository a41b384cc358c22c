"""test_registry_clients.py - clients that people use, unchanged, against the schema registry: Python's, Node's,
a Go one, and Apache Avro for Java. What one writes the others read."""
import json
import os
import shutil
import subprocess

import pytest
from registries import Registry

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "tests", "support", "registry")
CLIENTS = os.path.join(ROOT, "build", "deps", "registry")
AVRO = os.path.join(ROOT, "build", "deps", "java")
# What each of the clients writes.
WRITTEN = {"python": {"id": 5, "item": "from python", "price": None},
           "node": {"id": 42, "item": "from node", "price": 1.5},
           "go": {"id": 7, "item": "from go", "price": 2.5},
           "java": {"id": 9, "item": "from java", "price": 3.5}}


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """How each client is started, with the URL and a subject behind it."""
    classes = str(tmp_path_factory.mktemp("classes"))
    subprocess.run(["javac", "-cp", f"{AVRO}/*", "-d", classes, f"{HERE}/WireClient.java"], check=True)
    return {"python": [f"{CLIENTS}/python/bin/python", f"{HERE}/client.py"],
            "node": [shutil.which("node"), f"{HERE}/client.js"],
            "go": [f"{CLIENTS}/go-client"],
            "java": ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{AVRO}/*:{classes}", "WireClient"]}


def run(command, registry, lines=""):
    done = subprocess.run([*command, registry.url, "orders-value"], input=lines, text=True, timeout=120,
                          capture_output=True, env={**os.environ, "NODE_PATH": f"{CLIENTS}/node_modules"})
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def plain(value):
    """A record as its parts: goavro names the branch of a union."""
    price = value["price"]
    return {**value, "price": price["double"] if isinstance(price, dict) else price}


def test_what_one_client_writes_the_others_read(weir, folder, commands):
    registry = Registry(weir, folder)
    wires, answers = {}, {}
    for name in WRITTEN:
        answers[name] = run(commands[name], registry)
        wires[name] = answers[name]["wire"]
        assert set(answers[name]["ids"]) == {1}, name  # all have the same schema
    lines = "".join(wire + "\n" for wire in wires.values())
    for name in WRITTEN:
        read = run(commands[name], registry, lines)["read"]
        assert [plain(value) for value in read] == list(WRITTEN.values()), name
    assert "incompatible" in answers["node"]["refused"]
    assert '"error_code":409' in answers["go"]["refused"]
    assert answers["go"]["compatible"] is False and answers["go"]["level"] == "FULL"
    assert answers["go"]["versions"] == [1] and "orders-value" in answers["go"]["subjects"]
    assert answers["java"]["same"] is True  # the text served is the text that Java writes
    assert answers["python"]["calls"] == "all"
