"""test_schema_validation.py - topics whose records need a schema of their subject, whoever writes them."""
import os

import pytest
import servers
from registries import Registry, record
from test_rest import Server

CHECKED = {"topic.creation.default.confluent.value.schema.validation": "true"}


class World(Registry):
    """A worker, and the registry in it. Each source reads a file of lines as they are: somebody's frames."""

    def __init__(self, weir, folder):
        self.weir, self.folder, self.user, self.tls, self.connection = weir, folder, None, None, None
        self.port = servers.free_port()
        self.server = Server(weir, folder, "--registry", f"127.0.0.1:{self.port}")
        self.run = self.server.run
        servers.wait_until(self.is_ready, "the registry")

    def write(self, name, *lines, **more):
        path = os.path.join(self.folder, name)
        with open(path, "ab") as file:
            for line in lines:
                file.write(line + b"\n")
        config = {"connector.class": "file", "file": path, "topic": "orders", "follow": "false",
                  "value.converter": "bytes", "errors.restart.delay.ms": "20",
                  "errors.restart.delay.max.ms": "100",
                  **CHECKED, **{key.replace("_", "."): value for key, value in more.items()}}
        status, answer = self.server.ask("PUT", f"/connectors/{name}/config", config)
        assert status in (200, 201), answer

    def task(self, name):
        return self.server.ask("GET", f"/connectors/{name}/status")[1]["tasks"][0]

    def wait_refused(self, name, *words):
        def text():
            return self.task(name).get("last_error") or self.task(name).get("trace") or ""
        servers.wait_until(lambda: all(word in text() for word in words),
                           f"{name} to be refused with {words}, it has {text()}")


@pytest.fixture
def world(weir, folder):
    return World(weir, folder)


def frame(id, content=b"\x02"):
    return b"\x00" + id.to_bytes(4, "big") + content


def test_a_record_is_refused_until_its_schema_is_registered_under_its_subject(world):
    world.write("unknown", frame(1))
    world.wait_refused("unknown", "topic orders, partition 0", "schema id 1 is not known",
                       'register the schema under subject "orders-value"')
    assert world.register("others-value", record(("n", "int"))) == 1
    world.wait_refused("unknown", 'schema id 1 is not of subject "orders-value" but of "others-value"')
    assert world.register("orders-value", record(("n", "int"))) == 1
    world.server.wait_state("unknown", "COMPLETED")  # by itself: nobody restarted it

    world.write("plain", b"text")
    world.wait_refused("plain", "the value of 4 bytes has no schema id")


def test_what_is_refused_is_passed_over_when_errors_are_tolerated(world):
    world.register("orders-value", record(("n", "int")))
    world.write("some", frame(1), frame(7), b"x", frame(1), errors_tolerance="all")
    world.server.wait_state("some", "COMPLETED")
    page = world.server.ask("GET", "/metrics")[1]
    assert 'weir_task_errors_total{connector="some",task="0"} 2' in page, page


def test_the_topic_checks_whoever_comes_later_and_a_restart_does_not_change_it(world):
    world.register("orders-value", record(("n", "int")))
    world.write("first", frame(1))
    world.server.wait_state("first", "COMPLETED")
    world.run.kill()
    world.server = Server(world.weir, world.folder, "--registry", f"127.0.0.1:{world.port}")
    status, _ = world.server.ask("PUT", "/connectors/count/config", {
        "connector.class": "counter", "topic": "orders", "limit": "10", "value.converter": "json"})
    assert status == 201
    world.wait_refused("count", "topic orders, partition 0", "has no schema id")


def test_the_avro_converter_writes_what_is_wanted(world):
    config = {"connector.class": "counter", "topic": "numbers", "limit": "100", **CHECKED}
    assert world.server.ask("PUT", "/connectors/count/config", config)[0] == 201
    world.server.wait_state("count", "COMPLETED")
    by_record = {**config, "topic": "others",
                 "topic.creation.default.confluent.value.subject.name.strategy":
                     "io.confluent.kafka.serializers.subject.RecordNameStrategy"}
    assert world.server.ask("PUT", "/connectors/other/config", by_record)[0] == 201
    world.wait_refused("other", "topic others, partition 0", "is no record")
