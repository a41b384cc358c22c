"""test_elasticsearch_pipeline.py - from a real PostgreSQL through weir into a real Elasticsearch."""
import base64
import datetime
import decimal
import itertools
import json
import os
import re
import subprocess

import pytest

import servers
from http_front import Front

counter = itertools.count()


class Shop:
    """A database, a pipeline from it into indices of the same prefix, and a data directory."""

    def __init__(self, postgres, node, weir, folder):
        self.postgres, self.node, self.weir, self.folder = postgres, node, weir, folder
        self.name = f"shop{next(counter)}"
        postgres.create_database(self.name)
        self.connection = postgres.connect(self.name)

    def sql(self, text, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(text, values or None)
            return cursor.fetchall() if cursor.description else None

    def start(self, url=None, data="data", source="", **settings):
        lines = "\n".join(f"      {name.replace('_', '.')}: {json.dumps(value)}"
                          for name, value in settings.items())
        path = os.path.join(self.folder, "shop.yaml")
        with open(path, "w") as file:
            file.write(f"""
name: shop
source:
  connector: postgres-cdc
  config:
    database.hostname: 127.0.0.1
    database.port: {self.postgres.port}
    database.user: postgres
    database.dbname: {self.name}
    topic.prefix: {self.name}
    slot.name: {self.name}
    publication.name: {self.name}
    {source}
sinks:
  - name: search
    connector: elasticsearch
    topics: ["{self.name}.public.*"]
    transforms: [{{unwrap: {{}}}}, {{route: {{regex: '(.*)\\.public\\.(.*)', replacement: '$1-$2'}}}}]
    config:
      connection.url: {url or self.node.url}
{lines}
""")
        return self.weir(["run", path, "--data", os.path.join(self.folder, data)])

    def documents(self, table):
        try:
            return self.node.documents(f"{self.name}-{table}")
        except OSError:  # it is not there yet
            return {}

    def dump(self, build, topic):
        text = subprocess.run([os.path.join(build, "weir"), "log", "dump", "--data",
                               os.path.join(self.folder, "data"), "--topic", topic, "--json"],
                              check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def shop(postgres, elasticsearch, weir, folder):
    one = Shop(postgres, elasticsearch, weir, folder)
    yield one
    one.connection.close()


# --- All types ------------------------------------------------------------------------------------

COLUMNS = {  # what a document has of a column, as a value that can be compared with the database's
    "id": None, "b": None, "i2": None, "i8": None, "f4": float, "f8": float, "n2": decimal.Decimal,
    "n": "variable", "t": None, "vc": None, "bc": None, "by": "base64", "d": "days",
    "ti": "micros of day", "tz": None, "ts": "micros", "tstz": "instant", "iv": "interval",
    "u": None, "j": json.loads, "jb": json.loads, "m": None, "ai": None, "at": None,
    "an": "decimals", "big": None,
}
TABLE = """
    create type mood as enum ('sad', 'ok');
    create table types (id int primary key, b bool, i2 int2, i8 int8, f4 float4, f8 float8,
        n2 numeric(30, 5), n numeric, t text, vc varchar(10), bc char(5), by bytea, d date, ti time,
        tz timetz, ts timestamp, tstz timestamptz, iv interval, u uuid, j json, jb jsonb, m mood,
        ai int[], at text[], an numeric(10, 2)[], big text);
    alter table types alter big set storage external;
"""
ROW = """insert into types select n, n %% 2 = 0, n, 9223372036854775807 - n, n / 3.0, n / 7.0,
    n * 1234567890123456789.01234, n + 123456789012345678901234567890.5,
    E'\\u00fc"\\n\\\\' || n, 'v' || n, 'ab', decode(md5(n::text), 'hex'), date '2024-02-28' + n,
    time '00:00:00.000001' + n * interval '1 s', '12:34:56.789+05:30',
    timestamp '2024-02-29 12:34:56.123456' + n * interval '1 day',
    timestamptz '2024-02-29 12:34:56.1+02' + n * interval '1 h', n * interval '3 days 04:05:06',
    md5(n::text)::uuid, json_build_object('n', n), jsonb_build_object('n', array[n, null]), 'ok',
    array[n, null, 3], array['a', 'b c', '"', null, ''], array[n + 0.10, null],
    repeat(md5(n::text), 300) from generate_series(%s, %s) n"""


def from_document(kind, value):
    if value is None or kind is None:
        return value
    if kind == "variable":
        number = int.from_bytes(base64.b64decode(value["value"]), "big", signed=True)
        with decimal.localcontext(decimal.Context(prec=100)):
            return decimal.Decimal(number).scaleb(-value["scale"])
    if kind == "base64":
        return base64.b64decode(value)
    if kind == "days":
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=value)
    if kind == "micros of day":
        return (datetime.datetime.min + datetime.timedelta(microseconds=value)).time()
    if kind == "micros":
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=value)
    if kind == "instant":
        return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if kind == "interval":
        return datetime.timedelta(microseconds=value)
    if kind == "decimals":
        return [None if one is None else decimal.Decimal(one) for one in value]
    return kind(value)


def rows_of(shop):
    """The table as documents should have it: by id."""
    selected = [{"tz": "to_char(timestamp '2000-01-01' + (tz at time zone 'UTC')::time, "
                       "'HH24:MI:SS.MSZ')", "bc": "bc::text || repeat(' ', 5 - length(bc))",
                 "m": "m::text", "u": "u::text", "j": "j::text", "jb": "jb::text"}.get(name, name)
                for name in COLUMNS]
    rows = shop.sql(f"select {', '.join(selected)} from types")
    found = {}
    for row in rows:
        values = dict(zip(COLUMNS, row))
        for name in ("j", "jb"):
            values[name] = None if values[name] is None else json.loads(values[name])
        if values["by"] is not None:
            values["by"] = bytes(values["by"])
        found[str(values["id"])] = values
    return found


def documents_of(shop):
    return {id: {name: from_document(kind, document.get(name)) for name, kind in COLUMNS.items()}
            for id, document in shop.documents("types").items()}


def assert_become_equal(shop, run):
    def equal():
        assert run.process.poll() is None, run.output
        return documents_of(shop) == rows_of(shop)
    try:
        servers.wait_until(equal, "documents to equal the rows", 60, 0.2)
    except TimeoutError:
        rows, documents = rows_of(shop), documents_of(shop)
        assert sorted(documents) == sorted(rows), run.output
        for id, row in rows.items():
            assert documents[id] == row
        raise


def test_documents_equal_the_rows_through_snapshot_changes_and_a_crash(shop):
    shop.sql(TABLE)
    shop.sql(ROW, 1, 400)
    shop.sql("insert into types (id) values (0)")  # nothing but nulls
    run = shop.start()
    assert_become_equal(shop, run)
    assert all("__debezium" not in json.dumps(one, default=str)
               for one in shop.documents("types").values())
    # Updates leave the large text where it is: it is not sent, and must stay as it was.
    shop.sql("update types set i2 = i2 + 1, n2 = n2 * 10 where id % 3 = 0")
    shop.sql("update types set big = repeat('new', 3000) where id % 7 = 0")
    shop.sql("update types set t = 'twice' where id % 7 = 0")
    shop.sql("delete from types where id % 10 = 5")
    shop.sql("update types set id = id + 10000 where id % 10 = 6")  # with its text, which is not sent
    shop.sql("update types set big = null, jb = null where id % 10 = 7")
    assert_become_equal(shop, run)
    # In the middle of changes the program is killed, twice; what was not committed comes again.
    for turn in range(2):
        for step in range(20):
            shop.sql("update types set i8 = %s where id between %s and %s", turn * 100 + step,
                     step * 15, step * 15 + 40)
            shop.sql("delete from types where id = %s", step * 11 + turn)
            shop.sql("update types set id = -id - 1 where id = %s", step * 13 + turn)
            if step == 10:
                run.kill()
        run = shop.start()
    assert_become_equal(shop, run)
    assert run.stop() == 0, run.output
    assert "is passed over" not in run.output and "WARN" not in run.output.upper().split("\n")[0]


# --- What goes wrong ------------------------------------------------------------------------------

def bad_documents(shop):
    """A table of ten rows, of which the mapping refuses one."""
    shop.sql("create table notes (id int primary key, note text)")
    shop.sql("insert into notes select n, case n when 7 then 'no number' else n::text end "
             "from generate_series(1, 10) n")
    shop.node.request("PUT", f"/{shop.name}-notes", json.dumps(
        {"mappings": {"properties": {"note": {"type": "integer"}}}}))


def test_a_refused_document_fails_the_task_and_is_named(shop):
    bad_documents(shop)
    run = shop.start(errors_restart_max=0)
    assert run.wait() == 1
    for words in ("shop.search", f"{shop.name}.public.notes-0", "offset 6", '"7"',
                  f'"{shop.name}-notes"', "no number", 'errors.tolerance is "none"'):
        assert words in run.output, run.output
    assert "FAILED" in run.output


def test_with_a_dead_letter_queue_the_rest_is_written(shop, build):
    bad_documents(shop)
    run = shop.start(errors_tolerance="all", errors_deadletterqueue_topic_name="dead",
                     errors_deadletterqueue_context_headers_enable=True)
    servers.wait_until(lambda: len(shop.documents("notes")) == 9, "nine documents")
    shop.sql("insert into notes values (11, '11')")
    servers.wait_until(lambda: "11" in shop.documents("notes"), "the next document")
    assert run.stop() == 0, run.output
    assert "7" not in shop.documents("notes")
    dead, = shop.dump(build, "dead")
    headers = {one["key"]: one["value"] for one in dead["headers"]}
    assert headers["__connect.errors.topic"] == f"{shop.name}.public.notes"
    assert headers["__connect.errors.offset"] == "6"
    assert "no number" in headers["__connect.errors.exception.message"]
    assert dead["value"]["after"]["note"] == "no number"


def test_another_data_directory_is_refused_and_says_what_to_do(shop):
    shop.sql("create table notes (id int primary key, note text)")
    shop.sql("insert into notes values (1, 'a')")
    run = shop.start()
    servers.wait_until(lambda: len(shop.documents("notes")) == 1, "the document")
    assert run.stop() == 0
    shop.sql("select pg_drop_replication_slot(%s)", shop.name)
    run = shop.start(data="other", errors_restart_max=0)
    assert run.wait() == 1
    for words in ("was written with another log", "delete the index", "route transform",
                  "data directory"):
        assert words in run.output, run.output
    shop.node.request("DELETE", f"/{shop.name}-notes")  # one of the choices
    shop.sql("insert into notes values (2, 'b')")
    run = shop.start(data="other")
    servers.wait_until(lambda: len(shop.documents("notes")) == 2, "both documents")
    assert run.stop() == 0


def test_a_server_that_is_not_there_at_the_start_is_waited_for(shop, elasticsearch):
    shop.sql("create table notes (id int primary key, note text)")
    shop.sql("insert into notes values (1, 'a')")
    port = servers.free_port()
    run = shop.start(url=f"http://127.0.0.1:{port}", errors_restart_delay_max_ms=1000)
    servers.wait_until(lambda: f"could not reach elasticsearch at http://127.0.0.1:{port}"
                       in run.output, "the message")
    front = Front(elasticsearch.port, port)
    try:
        servers.wait_until(lambda: len(shop.documents("notes")) == 1, "the document")
        assert run.stop() == 0
    finally:
        front.stop()


def test_wrong_credentials_fail_the_task_without_printing_them(shop, elasticsearch):
    shop.sql("create table notes (id int primary key)")
    front = Front(elasticsearch.port)
    front.answer = lambda method, path, body: (401, b'{"error":"unauthorized"}')
    try:
        run = shop.start(url=front.url, connection_username="weir", connection_password="wr0ng",
                         errors_restart_max=0)
        assert run.wait() == 1
        assert "401" in run.output and "connection.password" in run.output
        assert "wr0ng" not in run.output
    finally:
        front.stop()


def test_a_setting_that_is_not_supported_is_refused_with_its_line(shop):
    run = shop.start(data_stream_type="logs")
    assert run.wait() == 1
    assert re.search(r"shop\.yaml:\d+: .*data\.stream\.type.*data streams are not supported",
                     run.output), run.output
