"""test_postgres_cdc_debezium.py - our events against those that Debezium 3.3.1.Final wrote, field by field.

Both come from the same statements; tests/fixtures/debezium/README.md says how Debezium's were made. What
differs on purpose is in DIFFERENCES, each with its reason; one that no longer occurs fails the test as well.
"""
import collections
import json
import os
import re
import subprocess

import pytest

import servers
from postgres_cdc import Database

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures", "debezium")
VOLATILE = {"ts_ms", "ts_us", "ts_ns", "lsn", "txId", "version", "sequence", "xmin", "db"}

# (table, path): reason. The fields of both rows of an envelope count as one: "row", and in its schema "schema".
CALENDAR = "Debezium's snapshot has years before 1582 in the Julian calendar, its stream in the Gregorian, as we"
GENERATED = "Debezium has generated columns in a snapshot, and not in a stream"
INDEX = "the key of REPLICA IDENTITY USING INDEX is the index's: a delete has no other columns"
QUOTE = "Debezium cuts a default at its first quote"
DIFFERENCES = {
    ("arrays_a", "schema.aiv"): "Debezium leaves arrays of intervals out",
    ("arrays_a", "row.aiv"): "Debezium leaves arrays of intervals out",
    ("more_a", "schema.gen"): GENERATED, ("more_a", "row.gen"): GENERATED,
    ("more_a", "row.nm"): "Debezium loses values of type name in a stream",
    ("toast_i", "key.schema.fields.id"): INDEX, ("toast_i", "key.schema.fields.k"): INDEX,
    ("toast_i", "key.payload.id"): INDEX, ("toast_i", "key.payload.k"): INDEX,
    ("types_a", "row.d"): CALENDAR + "; so are infinite dates", ("types_a", "row.ts"): CALENDAR,
    ("types_a", "row.tstz"): CALENDAR, ("types_a", "row.dnow"): "the time of the INSERT",
    ("types_a", "schema.dte.default"): QUOTE, ("types_a", "row.dte"): QUOTE,
}

PIPELINE = """
name: golden
source:
  connector: postgres-cdc
  config:
    database.hostname: 127.0.0.1
    database.port: {port}
    database.user: postgres
    database.dbname: {name}
    topic.prefix: cmp
    table.include.list: public.*
    skipped.operations: none
    slot.name: {name}
    key.converter: json
    key.converter.schemas.enable: true
    value.converter: json
    value.converter.schemas.enable: true
"""


def read(name):
    with open(os.path.join(FIXTURES, name)) as file:
        return file.read()


def statements(text):
    return [one for part in text.split(";\n") for one in part.split("; ") if one.strip()]


def ours(database, weir, folder):
    """Our records of the same statements, by table, in their order."""
    path = os.path.join(folder, "golden.yaml")
    with open(path, "w") as file:
        file.write(PIPELINE.format(port=database.server.port, name=database.name))
    data = os.path.join(folder, "data")
    program = weir(["run", path, "--data", data])
    servers.wait_until(lambda: "streaming from" in program.output, "the end of the snapshot", 60)
    for statement in statements(read("changes.sql")):
        database.run(statement)
    target = database.run("select pg_current_wal_lsn()")[0][0]
    servers.wait_until(lambda: database.slot(f"confirmed_flush_lsn >= '{target}'"), "all changes", 60)
    assert program.stop() == 0
    records = collections.defaultdict(list)
    for folder_name in os.listdir(os.path.join(data, "topics")):
        topic = re.sub(r"-[0-9a-f-]{36}$", "", folder_name)
        if topic.startswith("cmp."):
            dump = subprocess.run([os.path.join(database.build, "weir"), "log", "dump", "--data", data,
                                   "--topic", topic, "--json"], check=True, capture_output=True, text=True)
            for line in dump.stdout.splitlines():
                record = json.loads(line)
                records[topic.rpartition(".")[2]].append((record["key"], record["value"]))
    return records


def theirs():
    golden = json.loads(read("postgres.json"))
    records = collections.defaultdict(list)
    for event in golden["events"]:
        parts = [part and {"schema": golden["schemas"][part["schema"]], "payload": part["payload"]}
                 for part in (event["key"], event["value"])]
        records[event["topic"].rpartition(".")[2]].append(tuple(parts))
    return records


def stable(part):
    """Without what differs from run to run; the order of tables in a snapshot is not Debezium's either."""
    if part is None:
        return None
    payload = {name: value for name, value in part["payload"].items() if name not in VOLATILE} \
        if "source" in part["payload"] else dict(part["payload"])
    if "source" in payload:
        payload["source"] = {name: value for name, value in payload["source"].items() if name not in VOLATILE}
        payload["source"]["snapshot"] = payload["source"]["snapshot"] != "false"
    return {"schema": part["schema"], "payload": payload}


def named(items):
    """A list of a schema's fields by their names, in order."""
    if items and all(isinstance(item, dict) and "field" in item for item in items):
        return {item["field"]: item for item in items}
    return dict(enumerate(items))


def differences(path, a, b):
    """(path, Debezium's, ours) of each leaf that differs."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in {**a, **b}:
            yield from differences(f"{path}.{name}", a.get(name, "nothing"), b.get(name, "nothing"))
    elif isinstance(a, list) and isinstance(b, list):
        yield from differences(path, named(a), named(b))
    elif a != b or isinstance(a, bool) != isinstance(b, bool):
        yield path, a, b


def short(path):
    path = re.sub(r"^value\.schema\.fields\.(before|after)\.fields\.", "schema.", path)
    return re.sub(r"^value\.payload\.(before|after)\.", "row.", path)


@pytest.fixture
def database(build, postgres):
    one = Database(build, postgres)
    yield one
    one.connection.close()


def test_events_are_debeziums_field_by_field(database, weir, folder):
    postgres = subprocess.run(
        [f"{servers.POSTGRES_BIN}/psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d",
         database.server.dsn(database.name), "-f", os.path.join(FIXTURES, "setup.sql")],
        capture_output=True, text=True)
    assert postgres.returncode == 0, postgres.stderr
    golden, mine = theirs(), ours(database, weir, folder)
    assert set(golden) == set(mine)
    found = collections.defaultdict(set)
    for table, records in golden.items():
        assert [value and value["payload"]["op"] for _, value in records] == \
            [value and value["payload"]["op"] for _, value in mine[table]], table
        for theirs_, ours_ in zip(records, mine[table]):
            for part, a, b in zip(("key", "value"), theirs_, ours_):
                for path, x, y in differences(part, stable(a), stable(b)):
                    found[(table, short(path))].add((str(x)[:100], str(y)[:100]))
                if part == "value" and b:
                    assert VOLATILE <= set(b["payload"]["source"]) | {"ts_ms"}
    unknown = {place: values for place, values in found.items() if place not in DIFFERENCES}
    assert not unknown, "\n".join(f"{place}: {sorted(values)}" for place, values in unknown.items())
    assert set(DIFFERENCES) <= set(found), "no longer there: " + str(set(DIFFERENCES) - set(found))
