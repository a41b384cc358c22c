"""test_warehouse_ledger.py - a sink that dies, or loses its server, at any step of a flush: nothing twice, nothing lost."""
import itertools
import os
import re
import socket
import threading

import pytest

import duckdb
import servers
from sinks import Refused
from test_warehouse import KEY, ORDER, database, start  # noqa: F401

# What the sink sends, in its order: rows, the merge of an upsert, the ledger, the commit.
STEPS = {"insert": [b"COPY ", b'UPDATE "weir_ledger" AS l', b"COMMIT\0"],
         "upsert": [b"COPY ", b"INSERT INTO ", b'UPDATE "weir_ledger" AS l', b"COMMIT\0"]}


class Watcher(threading.Thread):
    """Stands between sink and server. When the sink sends `word` it does what it was told, once: before the
    server sees the word, or in the place of the server's answer to it; then the connection is cut."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.server_port, self.word, self.is_before, self.action = port, None, False, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def arm(self, word, is_before, action):
        self.is_before, self.action, self.word = is_before, action, word

    def run(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server_port))
            cut = threading.Event()
            for ends in ((client, server, True), (server, client, False)):
                threading.Thread(target=self.pump, args=(*ends, cut), daemon=True).start()

    def fire(self, cut):
        self.word = None
        cut.set()
        self.action()

    def pump(self, source, sink, from_client, cut):
        try:
            while data := source.recv(65536):
                hit = from_client and self.word is not None and self.word in data
                if hit and self.is_before:
                    self.fire(cut)
                if cut.is_set():
                    break
                if hit:
                    self.fire(cut)  # the answer has nowhere to go
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def add(sink, table, id):
    sink.add("orders", KEY, {"id": id}, ORDER, {"id": id, "name": f"n{id}", "amount": id}, table=table)


def break_off(sink, watcher, table, word, is_before, action):
    """Five more rows, and what happens at the word."""
    watcher.arm(word, is_before, sink.kill if action == "kill" else lambda: None)
    try:
        for id in range(1, 6):
            add(sink, table, id)
        sink.put()
        sink.flush()
    except Refused as refused:
        assert action == "cut" and refused.code == "WEIR_RETRY"
    except (AssertionError, BrokenPipeError):
        assert action == "kill" and sink.process.wait(10) != 0
    assert watcher.word is None, "the step was not reached"


@pytest.mark.parametrize("mode, word", [(mode, word) for mode in STEPS for word in STEPS[mode]])
def test_a_flush_that_breaks_off_anywhere_is_there_once(start, database, postgres, mode, word):  # noqa: F811
    watcher = Watcher(postgres.port)
    url = database[0].replace(str(postgres.port), str(watcher.port))
    for number, (is_before, action) in enumerate(itertools.product((True, False), ("cut", "kill"))):
        table = f"t{number}"
        settings = dict(connection_url=url, insert_mode=mode, auto_create=True, connector=table,
                        pk_mode="record_key" if mode == "upsert" else "none")
        sink = start(**settings).open("orders")
        add(sink, table, 0)
        sink.apply()
        break_off(sink, watcher, table, word, is_before, action)
        again = start(**settings, epoch=2)
        again.open()
        again.command("topic orders id-of-orders")
        resume = again.assigned("orders")  # waits for a commit that is under way
        assert resume in (1, 6)
        for id in range(resume, 6):
            add(again, table, id)
        again.apply()
        assert database[1](f"select id, name from {table} order by id") == [
            (id, f"n{id}") for id in range(6)], (is_before, action)
        assert database[1](f"select next_offset from weir_ledger where connector = '{table}'") == [
            (6,)]


TYPES = [  # type, value in SQL, what DuckDB shows; the same column in PostgreSQL must show the same
    ("boolean", "true", "true"),
    ("smallint", "-32768", "-32768"),
    ("bigint", "9223372036854775807", "9223372036854775807"),
    ("real", "1.5", "1.5"),
    ("double precision", "-0.125", "-0.125"),
    ("numeric(12,3)", "-123456789.125", "-123456789.125"),
    ("numeric", "98765432109876543210.12345", "98765432109876543210.12345"),
    ("text", "'ü''中😀'", "ü'中😀"),
    ("varchar(5)", "'abc'", "abc"),
    ("char(5)", "'abc'", "abc  "),
    ("bytea", "'\\x00ff41'", "\\x00\\xFFA"),
    ("date", "'2024-02-29'", "2024-02-29"),
    ("time", "'23:59:59.999999'", "23:59:59.999999"),
    ("timetz", "'13:14:15.5+02'", None),
    ("timestamp", "'1969-12-31 23:59:59.999999'", "1969-12-31 23:59:59.999999"),
    ("timestamptz", "'2024-06-30 12:00:00.5+02'", "2024-06-30 10:00:00.5+00"),
    ("interval", "'1 year 2 mons 3 days 04:05:06.7'", "1 year 2 months 3 days 04:05:06.7"),
    ("uuid", "'00010203-0405-0607-0809-0a0b0c0d0e0f'", "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    ("json", "'{\"a\": [1, null]}'", '{"a": [1, null]}'),
    ("jsonb", "'{\"a\": [1, null]}'", '{"a": [1, null]}'),
    ("int[]", "'{1,NULL,-3}'", "[1, NULL, -3]"),
    ("text[]", "'{a,\"b,c\",NULL}'", "[a, 'b,c', NULL]"),
    ("numeric(5,1)[]", "'{2.5,-1.0}'", "[2.5, -1.0]"),
    ("uuid[]", "'{00010203-0405-0607-0809-0a0b0c0d0e0f}'", "[00010203-0405-0607-0809-0a0b0c0d0e0f]"),
    ("date[]", "'{2024-02-29}'", "[2024-02-29]"),
]

PIPELINE = """
name: types
source:
  connector: postgres-cdc
  config: {{database.hostname: 127.0.0.1, database.port: {port}, database.user: postgres,
            database.dbname: types, topic.prefix: t, table.include.list: "public.*",
            slot.name: types, interval.handling.mode: string, snapshot.mode: {snapshot}}}
sinks:
  - name: pg
    connector: warehouse
    topics: ["t.public.*"]
    transforms: [{{route: {{regex: "t\\\\.public\\\\.(.*)", replacement: "$1"}}}}]
    config: {{connection.url: "{target}", insert.mode: upsert, pk.mode: record_key, auto.create: true}}
  - name: duck
    connector: warehouse
    topics: ["t.public.*"]
    transforms: [{{unwrap: {{}}}}, {{route: {{regex: "t\\\\.public\\\\.(.*)", replacement: "$1"}}}}]
    config: {{connection.url: "{duck}", insert.mode: upsert, pk.mode: record_key, auto.create: true}}
"""


def test_every_type_goes_from_postgresql_to_both_warehouses_unchanged(weir, folder, postgres):
    source = postgres.create_database("types")
    target = postgres.create_database("types_dwh")
    columns = [f"c{i}" for i in range(len(TYPES))]
    postgres.psql("create table every (id int primary key, " + ", ".join(
        f"{column} {kind}" for column, (kind, _, _) in zip(columns, TYPES)) + ")", "types")
    values = ", ".join(value for _, value, _ in TYPES)
    postgres.psql(f"insert into every values (1, {values}); insert into every (id) values (2)", "types")
    duck = os.path.join(folder, "types.duckdb")
    path = os.path.join(folder, "types.yaml")
    with open(path, "w") as file:
        file.write(PIPELINE.format(port=postgres.port, target=target, snapshot="initial",
                                   duck=duckdb.driver_url(duck)))
    run = weir(["run", path])

    def rows(database):
        # a char is a text with its blanks, a time with a zone is the same moment in UTC, as Debezium has them
        cast = {"char(5)": "rtrim({}::text)", "timetz": "({} at time zone 'UTC')::text"}
        texts = ", ".join(cast.get(kind, "{}::text").format(column)
                          for column, (kind, _, _) in zip(columns, TYPES))
        try:
            return postgres.psql(f"select id, {texts} from every order by id", database)
        except Exception:
            assert run.process.poll() is None, run.output
            return None

    # a snapshot, then changes: both ways of reading a value
    servers.wait_until(lambda: rows("types_dwh") == rows("types"), "the snapshot in PostgreSQL")
    postgres.psql(f"insert into every values (3, {values})", "types")
    servers.wait_until(lambda: rows("types_dwh") == rows("types"), "the change in PostgreSQL")
    servers.wait_until(lambda: re.search(r"types\.duck .*\b3 written", run.output),
                       "the change in DuckDB")
    assert run.stop() == 0, run.output
    for (kind, _, shown), column in zip(TYPES, columns):
        if shown is None:
            continue
        found = duckdb.query(duck, f"select cast({column} as varchar) from every order by id")
        assert found == [(shown,), (None,), (shown,)], (kind, found)
    kinds = dict(duckdb.query(duck, "select column_name, data_type from information_schema.columns "
                                    "where table_name = 'every'"))
    assert kinds["c17"] == "UUID" and kinds["c20"] == "INTEGER[]" and kinds["c16"] == "INTERVAL"
    for name in ("types", "types_dwh"):
        postgres.psql("select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                      "where slot_name = 'types'")
        postgres.psql(f"drop database {name} with (force)")
