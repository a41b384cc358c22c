"""test_converters.py - the avro converter with a schema registry that is not its worker's."""
import os
import subprocess

import pytest
import servers
from registries import Registry
from test_rest import Server, read_lines

USERS = """
users:
  weir:
    password: "{hash}"
    admin: [""]
"""


@pytest.fixture
def registry(weir, build, folder):
    """One that asks for a name and a password."""
    program = os.path.join(build, "weir")
    done = subprocess.run([program, "registry", "--hash-password"], input="secret\n", text=True,
                          capture_output=True, check=True)
    path = os.path.join(folder, "users.yaml")
    with open(path, "w") as file:
        file.write(USERS.format(hash=done.stdout.strip()))
    opened = Registry.__new__(Registry)
    opened.user = "weir:secret"
    Registry.__init__(opened, weir, folder, "--users", path)
    opened.user = "weir:secret"
    return opened


@pytest.fixture
def server(weir, folder):
    return Server(weir, folder)


def remote(registry, **more):
    return {"value.converter": "io.confluent.connect.avro.AvroConverter",
            "value.converter.schema.registry.url": registry.url,
            "value.converter.basic.auth.credentials.source": "USER_INFO",
            "value.converter.basic.auth.user.info": "weir:secret",
            **{name.replace("_", "."): value for name, value in more.items()}}


def counter(registry, **more):
    return {"connector.class": "counter", "topic": "numbers", "limit": "100",
            **remote(registry, **more)}


def sink(registry, folder):
    return {"connector.class": "file", "topics": "numbers", "format": "record",
            "file": os.path.join(folder, "out.txt"), **remote(registry)}


def test_schemas_go_to_another_registry_and_come_from_it(server, registry, folder):
    server.ask("PUT", "/connectors/count/config", counter(registry))
    server.ask("PUT", "/connectors/copy/config", sink(registry, folder))
    servers.wait_until(lambda: len(read_lines(folder)) == 100, "the records")
    assert registry.get("/subjects") == ["numbers-value"]
    assert [line["offset"] for line in read_lines(folder)] == list(range(100))
    shown = server.ask("GET", "/connectors/count/config")[1]
    assert shown["value.converter.basic.auth.user.info"] == "***"


def test_without_auto_register_a_schema_has_to_be_there(server, registry, folder):
    server.ask("PUT", "/connectors/first/config", counter(registry))
    server.wait_state("first", "COMPLETED")
    schema = registry.get("/subjects/numbers-value/versions/1")["schema"]
    settings = counter(registry, **{"value.converter.auto.register.schemas": "false"})
    settings["topic"] = "others"
    server.ask("PUT", "/connectors/second/config", settings)
    server.wait_state("second", "FAILED")
    trace = server.ask("GET", "/connectors/second/status")[1]["tasks"][0]["trace"]
    assert 'looking a schema up under subject "others-value"' in trace and "40401" in trace, trace
    assert registry.get("/subjects") == ["numbers-value"]
    registry.register("others-value", schema)
    server.ask("POST", "/connectors/second/restart?includeTasks=true")
    server.wait_state("second", "COMPLETED")


def test_a_registry_that_is_not_there_or_refuses_is_named(server, registry):
    nowhere = counter(registry)
    nowhere["value.converter.schema.registry.url"] = f"http://127.0.0.1:{servers.free_port()}"
    server.ask("PUT", "/connectors/nowhere/config", nowhere)
    wrong = counter(registry, **{"value.converter.basic.auth.user.info": "weir:wrong"})
    server.ask("PUT", "/connectors/wrong/config", wrong)
    for name, reasons in (("nowhere", ("no schema registry answers at", "Connection refused")),
                          ("wrong", ("the schema registry at", "answered 401", "check the credentials"))):
        def trace():
            task = server.ask("GET", f"/connectors/{name}/status")[1]["tasks"][0]
            return task.get("last_error") or task.get("trace")
        servers.wait_until(trace, "a reason")
        assert all(reason in trace() for reason in reasons), trace()
        assert "wrong" == name or "secret" not in trace()


def test_settings_of_a_converter_are_checked(server, registry):
    settings = counter(registry, **{"value.converter.schema.registry.url": "nonsense:x:y",
                                    "value.converter.key.subject.name.strategy": "Mine"})
    status, answer = server.ask("PUT", "/connector-plugins/counter/config/validate", settings)
    assert status == 200
    errors = {config["value"]["name"]: config["value"]["errors"] for config in answer["configs"]
              if config["value"]["errors"]}
    assert "TopicNameStrategy" in errors["value.converter.key.subject.name.strategy"][0], errors
