"""test_check_migration.py - `weir schema check-migration`: what a migration would do to the subjects of a source.

One PostgreSQL has the source and its scratch copy, one server has the connector and the registry.
"""
import json
import os
import shutil
import subprocess

import pytest
import servers
from conftest import Weir
from registries import JSON, quoted
from test_rest import Server

TABLES = """
create type mood as enum ('happy', 'sad');
create table orders (id int primary key, total numeric(10,2) not null, note text, v int, w bigint, m mood);
create table customers (id bigint primary key, name text not null, city text default 'Bonn');
create table events (id int primary key, what text);
create view recent as select * from events;
"""


class World:
    """A source of three tables, captured by `shop` of a running server; its definitions in a scratch database."""

    def __init__(self, build, postgres, folder):
        self.build, self.postgres, self.folder = build, postgres, folder
        self.registry = f"127.0.0.1:{servers.free_port()}"
        self.source, self.scratch = "migrate_source", "migrate_scratch"
        for name in (self.source, self.scratch):
            postgres.create_database(name)
        postgres.psql(TABLES, self.source)
        for table, values in (("orders", "1, 2"), ("customers", "1, 'Ann'"), ("events", "1")):
            postgres.psql(f"insert into {table} values ({values})", self.source)
        self.copy()
        self.server = Server(self.start, folder, "--registry", self.registry)
        self.settings = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": "127.0.0.1", "database.port": str(postgres.port),
            "database.user": "postgres", "database.dbname": self.source,
            "database.password": "secret",
            "slot.name": self.source, "publication.name": self.source, "topic.prefix": "shop",
            "table.include.list": "public.*"}
        self.server.ask("PUT", "/connectors/shop/config", self.settings)
        servers.wait_until(lambda: len(self.ask("GET", "/subjects")) == 6, "the subjects")

    def start(self, arguments, env=None):
        self.run = Weir(self.build, self.folder, arguments, env)
        return self.run

    def copy(self):
        """The command that messages and the guide name."""
        dump = subprocess.run(
            [f"{servers.POSTGRES_BIN}/pg_dump", "--schema-only", "--no-owner", "--no-subscriptions",
             "-h", "127.0.0.1", "-p", str(self.postgres.port), "-U", "postgres", self.source],
            check=True, capture_output=True, text=True).stdout
        subprocess.run([f"{servers.POSTGRES_BIN}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d",
                        self.postgres.dsn(self.scratch)], input=dump, text=True, check=True,
                       stdout=subprocess.DEVNULL)

    def ask(self, method, path, body=None):
        import urllib.request
        request = urllib.request.Request(
            f"http://{self.registry}{path}", json.dumps(body).encode() if body else None,
            method=method, headers={"Content-Type": JSON})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def call(self, sql, *more, source="shop", scratch=None, rest=True, env=None, url=True):
        """The command over a script: exit code, standard output, standard error."""
        with open(os.path.join(self.folder, "change.sql"), "w") as file:
            file.write(sql)
        done = subprocess.run(
            [os.path.join(self.build, "weir"), "schema", "check-migration", "change.sql",
             "--source", source, "--scratch", scratch or self.postgres.dsn(self.scratch),
             *(["--url", self.registry] if url else []),
             *(["--rest", f"127.0.0.1:{self.server.port}"] if rest else []), *more],
            cwd=self.folder, capture_output=True, text=True, timeout=120,
            env={**os.environ, **(env or {})})
        return done.returncode, done.stdout, done.stderr

    def check(self, sql, *more, **how):
        """The answer as JSON, subjects by their names; the exit code says the same."""
        code, out, err = self.call(sql, "--json", *more, **how)
        assert err == "", err
        answer = json.loads(out)
        assert code == (0 if answer["is_compatible"] else 1)
        answer["subjects"] = {one["subject"]: one for one in answer["subjects"]}
        return answer

    def verdicts(self, sql, *more, **how):
        return {name: one["verdict"] for name, one in self.check(sql, *more, **how)["subjects"].items()}

    def refused(self, sql, *more, **how):
        """The message of a check that could not be made."""
        code, out, err = self.call(sql, *more, **how)
        assert code == 1 and out == "" and len(err.splitlines()) == 1, (code, out, err)
        return err

    def tables(self):
        """What the scratch database has: a migration must not change it."""
        return self.postgres.psql(
            "select c.relname, a.attname, a.atttypid::regtype, a.attnotnull from pg_class c "
            "join pg_attribute a on a.attrelid = c.oid join pg_namespace n on n.oid = c.relnamespace "
            "where a.attnum > 0 and nspname = 'public' order by 1, a.attnum", self.scratch)


@pytest.fixture(scope="module")
def shared(build, postgres_server):
    folder = servers.temporary_folder("weir-migration-")
    world = World(build, postgres_server, folder)
    yield world
    assert world.run.stop() == 0, world.run.output
    world.run.log.close()
    with postgres_server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots")
    shutil.rmtree(folder)


@pytest.fixture
def world(shared):
    """Whatever a test tries out, the scratch database and the registry are as before."""
    tables, subjects = shared.tables(), shared.ask("GET", "/subjects")
    yield shared
    assert shared.tables() == tables
    assert shared.ask("GET", "/subjects") == subjects


ORDERS = "shop.public.orders-value"


@pytest.mark.parametrize("sql, verdict, fields", [
    ("alter table orders add extra text", "compatible", None),
    ("alter table orders add extra int not null default 7", "compatible", None),
    ("alter table orders add extra int not null", "incompatible", "after.extra has no default"),
    ("alter table orders drop note", "compatible", None),
    ("alter table orders drop total", "compatible", None),
    ("alter table orders alter v type bigint", "compatible", None),
    ("alter table orders alter w type int", "incompatible", "after.w was long and is int"),
    ("alter table orders rename v to vv", "compatible", None),
    ("alter table orders rename total to sum", "incompatible", "after.sum has no default"),
    ("alter table orders alter v type text", "incompatible", "after.v was int and is string"),
    ("alter table orders alter note set not null", "incompatible", "after.note"),
    ("alter type mood add value 'calm'", "compatible", None),
    ("alter table orders add f text; alter table orders drop f", None, None),
    ("create index on orders (v)", None, None),
])
def test_what_becomes_of_a_table(world, sql, verdict, fields):
    answer = world.check(sql)
    found = answer["subjects"].get(ORDERS, {})
    assert found.get("verdict") == verdict, answer
    assert set(answer["subjects"]) == ({ORDERS} if verdict else set()), answer
    if fields:
        assert fields in found["fields"] and found["level"] == "BACKWARD", found
        assert found["incompatibilities"] and all(
            one["type"].isupper() and one["path"].startswith("/") for one in
            found["incompatibilities"]), found
