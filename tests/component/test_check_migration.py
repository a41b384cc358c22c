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


def test_a_key_has_a_subject_of_its_own(world):
    answer = world.check("alter table orders alter id type bigint")["subjects"]
    assert {name: one["verdict"] for name, one in answer.items()} == {
        ORDERS: "compatible", "shop.public.orders-key": "compatible"}
    answer = world.check("alter table customers alter id type int")["subjects"]
    assert answer["shop.public.customers-key"]["verdict"] == "incompatible"
    assert answer["shop.public.customers-key"]["of"] == "key"
    assert "id was long and is int" in answer["shop.public.customers-key"]["fields"]
    answer = world.check("alter table events drop constraint events_pkey, alter id drop not null")
    assert answer["subjects"]["shop.public.events-key"]["verdict"] == "gone"
    note, = answer["notes"]
    assert "public.events loses its replica identity" in note and "UPDATE" in note


def test_several_subjects_that_break_are_told_in_one_go(world):
    code, out, err = world.call("alter table orders alter v type text;\n"
                                "alter table customers add extra int not null;\n"
                                "alter table events add more text;\n")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[-1] == ("2 of 6 subjects would break: their records would wait until it is "
                         "(schema.incompatible.policy is hold); nothing was changed"), out
    assert f"{ORDERS}: not compatible (BACKWARD)" in lines
    assert "  before.v was int and is string, after.v was int and is string" in lines
    assert "shop.public.customers-value: not compatible (BACKWARD)" in lines
    assert "shop.public.events-value: compatible (BACKWARD)" in lines
    assert any(line.startswith("  {errorType:'") for line in lines), out
    assert max(map(len, lines)) < 2000  # not the whole old schema


def test_the_level_of_the_subject_decides(world):
    def level(value):
        world.ask("PUT", f"/config/{quoted(ORDERS)}", {"compatibility": value})

    try:
        level("FORWARD")
        found = world.check("alter table orders drop total")["subjects"][ORDERS]
        assert (found["verdict"], found["level"]) == ("incompatible", "FORWARD")
        assert "total" in found["fields"]
        assert world.verdicts("alter table orders add extra int not null") == {ORDERS: "compatible"}
        level("NONE")
        assert world.verdicts("alter table orders alter v type text") == {ORDERS: "compatible"}
        world.ask("PUT", f"/mode/{quoted(ORDERS)}", {"mode": "READONLY"})
        assert world.verdicts("alter table orders add extra text") == {ORDERS: "read-only"}
    finally:
        world.ask("DELETE", f"/mode/{quoted(ORDERS)}")
        world.ask("DELETE", f"/config/{quoted(ORDERS)}")


@pytest.mark.parametrize("sql, verdicts, note", [
    ("drop table orders", {"shop.public.orders-key": "gone", ORDERS: "gone"},
     "table public.orders is dropped: nothing more comes for topic shop.public.orders"),
    ("create schema old; alter table orders set schema old",
     {"shop.public.orders-key": "gone", ORDERS: "gone"},
     "table public.orders becomes old.orders, which the lists of tables do not take"),
    ("alter table orders set unlogged", {"shop.public.orders-key": "gone", ORDERS: "gone"},
     "table public.orders is not captured any more"),
    ("create table purchases (id int primary key)",
     {"shop.public.purchases-key": "new", "shop.public.purchases-value": "new"},
     "table public.purchases is new, and captured into topic shop.public.purchases"),
    ("alter table events rename to happened",
     {"shop.public.happened-key": "new", "shop.public.happened-value": "new",
      "shop.public.events-key": "gone", "shop.public.events-value": "gone"},
     "table public.events becomes public.happened: its changes come in topic shop.public.happened"),
    ("drop table orders; create table orders (id int primary key, total numeric(10,2) not null, "
     "note text, v int, w bigint, m mood)", {}, None),
    ("alter table orders add place line", {},
     'column "place" of public.orders gets type line, which is not supported: it is left out'),
    ("alter table orders alter v type line using null", {ORDERS: "compatible"},
     'column "v" of public.orders gets type line'),
])
def test_tables_and_columns_that_come_and_go(world, sql, verdicts, note):
    answer = world.check(sql)
    assert {name: one["verdict"] for name, one in answer["subjects"].items()} == verdicts
    assert len(answer["notes"]) == (note is not None) and (note or "") in "".join(answer["notes"])


@pytest.mark.parametrize("sql, message", [
    ("alter table orders add a int;\ncommit;\ndrop table orders",
     'change.sql:2: "commit": a migration is tried out in one transaction, which is rolled back: '
     "take what begins and ends transactions out of the file"),
    ("-- all at once\nBEGIN;\nalter table orders add a int;", 'change.sql:2: "BEGIN": a migration'),
    ("do $$ begin commit; end $$", "change.sql:1: invalid transaction termination"),
    ("alter table orders add a int;\n\nalter table orders\n  add constraint x chekc (a > 0);",
     'change.sql:4: syntax error at or near "chekc"'),
    ("select 1;\nselect '\u00fc' from nowhere",
     'change.sql:2: relation "nowhere" does not exist; if the source has it, load'),
    ("insert into orders values (1, 2), (1, 3)",
     "change.sql:1: duplicate key value violates unique constraint"),
    ("\ncreate index concurrently on orders (v)",
     "change.sql:2: CREATE INDEX CONCURRENTLY cannot run inside a transaction block; it cannot run "
     "in a transaction, in which migrations are tried out: leave it out"),
    ("vacuum orders", "change.sql:1: VACUUM cannot run inside a transaction block"),
    ("select 1;\n\\connect other\n", 'change.sql:2: "\\connect other": this is a command of psql'),
    ("copy orders from stdin;\n1\t2\n\\.\n", "change.sql:1: COPY from or to the client is psql's"),
    ("select 'open", "change.sql:1: \"select 'open\": a quoted text or a comment"),
    ("alter type mood add value 'calm'; insert into orders values (1, 2, '', 1, 1, 'calm')",
     "unsafe use of new value"),
    ("alter table orders drop constraint orders_pkey cascade, drop id; "
     "alter table nothing.here add x int", "does not exist; if the source has it"),
    ("set constraints all immediate",
     "the transaction in which a migration is tried out is not committed"),
])
def test_a_script_that_cannot_be_tried_out_is_refused_and_changes_nothing(world, sql, message):
    assert message in world.refused(sql)


def test_the_source_is_never_the_scratch_database(world):
    source = world.postgres.dsn(world.source)
    before = world.postgres.psql("select count(*) from pg_class", world.source)
    for scratch in (source, source.replace("127.0.0.1", "localhost"),
                    f"host={world.postgres.folder} port={world.postgres.port} user=postgres "
                    f"dbname={world.source}"):
        message = world.refused("drop table orders", scratch=scratch)
        assert "is the source's own" in message, message
    assert world.postgres.psql("select count(*) from pg_class", world.source) == before


def pipeline(world, name="shop.yaml", **settings):
    """The connector in a file, as shop.source."""
    path = os.path.join(world.folder, name)
    config = {**world.settings, **{key.replace("__", "."): value for key, value in settings.items()}}
    config.pop("connector.class")
    lines = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in config.items())
    with open(path, "w") as file:
        file.write("name: shop\nsource:\n  connector: postgres-cdc\n  config:\n" + lines +
                   "sinks:\n  - name: out\n    connector: file\n    topics: [\"shop.*\"]\n"
                   f"    config: {{file: {world.folder}/out.txt}}\n")
    return ["--pipeline", name]


def in_file(world, sql, **settings):
    return world.check(sql, *pipeline(world, **settings), source="shop.source", rest=False)


def test_a_source_that_is_not_reached_is_compared_by_its_address(world):
    port = str(servers.free_port())
    answer = in_file(world, "alter table orders alter v type text", database__port=port)
    assert answer["subjects"][ORDERS]["verdict"] == "incompatible"
    note, = answer["notes"]
    assert "the source was not asked" in note and port in note
    flags = pipeline(world, database__user="nobody_knows")
    message = world.refused("drop table orders", *flags, source="shop.source", rest=False,
                            scratch=world.postgres.dsn(world.source))
    assert "is the source's own" in message


def test_a_secret_that_is_not_known_here_is_not_needed(world):
    answer = in_file(world, "alter table orders add extra text",
                     database__password="${env:NOT_SET_HERE}")
    assert answer["subjects"][ORDERS]["verdict"] == "compatible"
    assert answer["notes"] == ['database.password is not known here: the environment variable '
                               '"NOT_SET_HERE" is not set']
    world.server.ask("PUT", "/connectors/hidden/config",
                     {**world.settings, "database.password": "secret", "slot.name": "hidden"})
    answer = world.check("alter table orders add extra text", source="hidden")
    world.server.ask("DELETE", "/connectors/hidden")
    assert answer["subjects"][ORDERS]["verdict"] == "compatible"
    assert answer["notes"] == ["database.password is not known here: the worker does not show it"]
    flags = pipeline(world, database__dbname="${env:NOT_SET_HERE}")
    message = world.refused("select 1", *flags, source="shop.source", rest=False)
    assert 'setting "database.dbname": the environment variable "NOT_SET_HERE" is not set' in message


def test_a_scratch_database_that_lacks_tables_is_refused_with_the_command_to_load_them(world):
    world.postgres.create_database("migrate_empty")
    message = world.refused("select 1", scratch=world.postgres.dsn("migrate_empty"))
    assert ("does not have public.customers, public.events, public.orders: load the definitions by "
            f"pg_dump --schema-only --no-owner --no-subscriptions -h 127.0.0.1 -p {world.postgres.port} "
            f"-U postgres {world.source} | psql -d SCRATCH") in message
    flags = pipeline(world, database__port=str(servers.free_port()))
    message = world.refused("select 1", *flags, source="shop.source", rest=False,
                            scratch=world.postgres.dsn("migrate_empty"))
    assert "does not have any of the captured tables" in message


def test_a_scratch_database_with_other_definitions_is_warned_of(world):
    world.postgres.create_database("migrate_older")
    world.postgres.psql(TABLES.replace("v int", "v int, older text"), "migrate_older")
    answer = world.check("alter table events add more text",
                         scratch=world.postgres.dsn("migrate_older"))
    assert [note for note in answer["notes"] if "defines other columns or keys than the source has "
            "now: public.orders;" in note], answer


def test_what_is_not_there_is_told(world):
    refused = world.refused
    nowhere = f"127.0.0.1:{servers.free_port()}"
    assert "could not connect to the scratch database" in refused(
        "select 1", scratch=f"postgresql://postgres@{nowhere}/x")
    assert '"nothing" does not exist' in refused("select 1", scratch=world.postgres.dsn("nothing"))
    assert "nobody" in refused("select 1", source="nobody")
    assert 'has no source "shop"; its sources are called: shop.source' in refused(
        "select 1", *pipeline(world), rest=False)
    assert "shop.out is a file, which cannot try out" in refused(
        "select 1", *pipeline(world), source="shop.out", rest=False)
    assert nowhere in refused("select 1", "--rest", nowhere)
    assert nowhere in refused("alter table orders add a int", "--url", nowhere)
    world.server.ask("PUT", "/connectors/count/config", {
        "connector.class": "counter", "topic": "numbers", "limit": "1",
        "value.converter": "json", "key.converter": "json"})
    assert "count is a counter, which cannot try out a change" in refused("select 1", source="count")
    world.server.ask("DELETE", "/connectors/count")
    done = subprocess.run([os.path.join(world.build, "weir"), "schema", "check-migration", "x.sql"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "--scratch" in done.stderr


def test_lists_transforms_and_converters_of_the_connector_count(world):
    change = "alter table orders alter v type text; alter table events add more text"
    answer = in_file(world, change, table__include__list="public.events")
    assert set(answer["subjects"]) == {"shop.public.events-value"}
    assert in_file(world, change, column__exclude__list="public.orders.v")["subjects"].keys() == {
        "shop.public.events-value"}
    unwrapped = in_file(world, change, transforms="u,r", transforms__u__type="unwrap",
                        transforms__r__type="route", transforms__r__regex=r"shop\.public\.(.*)",
                        transforms__r__replacement="flat.$1")["subjects"]
    assert {name: one["verdict"] for name, one in unwrapped.items()} == {
        "flat.orders-value": "new", "flat.events-value": "new"}
    named = in_file(world, change, value__converter__value__subject__name__strategy=
                    "RecordNameStrategy")["subjects"]
    assert set(named) == {"shop.public.orders.Envelope", "shop.public.events.Envelope"}
    assert in_file(world, change, value__converter="json", key__converter="json")["subjects"] == {}
    found = in_file(world, change, value__converter__auto__register__schemas="false")["subjects"]
    assert {one["verdict"] for one in found.values()} == {"missing"}
    found = in_file(world, change, value__converter__auto__register__schemas="false",
                    value__converter__use__latest__version="true")["subjects"]
    assert {one["verdict"] for one in found.values()} == {"unlike-latest"}
    assert "after.v was int and is string" in found[ORDERS]["fields"]


def test_the_registry_is_the_one_that_the_converters_name(world):
    change = "alter table orders alter v type text"
    answer = world.check(change, *pipeline(
        world, value__converter__schema__registry__url=f"http://{world.registry}"),
        source="shop.source", rest=False, url=False)
    assert answer["subjects"][ORDERS]["verdict"] == "incompatible"
    flags = pipeline(world, value__converter__schema__registry__url="http://127.0.0.1:9",
                     value__converter__basic__auth__credentials__source="USER_INFO",
                     value__converter__basic__auth__user__info="${env:NOT_SET_HERE}")
    message = world.refused(change, *flags, source="shop.source", rest=False, url=False)
    assert "name it by --url" in message
    answer = world.check(change, *flags, source="shop.source", rest=False)
    assert answer["subjects"][ORDERS]["verdict"] == "incompatible"


def test_columns_that_a_publication_lists_count(world):
    """One that somebody made; the scratch database does not have it."""
    world.postgres.psql("create publication listed for table orders (id, total), events",
                        world.source)
    answer = in_file(world, "alter table orders alter v type text; alter table events add more text",
                     publication__name="listed", publication__autocreate__mode="disabled",
                     table__include__list="public.orders,public.events")
    world.postgres.psql("drop publication listed", world.source)
    assert set(answer["subjects"]) == {"shop.public.events-value"}


# Each for a table of its own, in which only this changes.
CHANGES = {
    "nullable": "add extra text", "filled": "add extra int not null default 7",
    "must": "add extra int not null", "dropped": "drop v", "wider": "alter v type bigint",
    "text": "alter v type text", "renamed": "rename v to vv", "bounded": "alter v set not null",
    "fixed": "alter n type numeric(12,4)", "defaulted": "alter v set default 5",
    "timed": "alter t type timestamp(3)", "same": "alter n set statistics 100",
    "keyed": "alter id type bigint", "listed": "alter e type mood2 using null",
}

BREAKING = {"must", "text", "bounded"}


def test_the_verdicts_are_those_of_a_real_capture(shared):
    """The same migration of the source, a row of each table captured, and what the registry has then."""
    world = shared
    tables = "".join(f"create table c_{name} (id int primary key, v int, n numeric(10,2), t timestamp, "
                     f"e mood);\n" for name in CHANGES)
    world.postgres.psql("create type mood2 as enum ('x', 'y');" + tables, world.source)
    settings = {**world.settings, "slot.name": "migrate_real", "publication.name": "migrate_real",
                "topic.prefix": "real", "table.include.list": "public.c_.*"}
    for name in CHANGES:
        world.postgres.psql(f"insert into c_{name} (id, v) values (1, 1)", world.source)
    world.server.ask("PUT", "/connectors/real/config", settings)

    def subjects():
        return {name for name in world.ask("GET", "/subjects") if name.startswith("real.")}

    servers.wait_until(lambda: len(subjects()) == 2 * len(CHANGES), "the snapshot")
    world.postgres.create_database("migrate_real")
    world.scratch, usual = "migrate_real", world.scratch
    world.copy()
    world.scratch = usual
    sql = "".join(f"alter table c_{name} {change};\n" for name, change in CHANGES.items())
    answer = world.check(sql, source="real", scratch=world.postgres.dsn("migrate_real"))
    assert answer["notes"] == []
    predicted = {name: one["verdict"] for name, one in answer["subjects"].items()}
    broken = {name for name, verdict in predicted.items() if verdict == "incompatible"}
    assert broken == {f"real.public.c_{name}-value" for name in BREAKING}, answer
    world.postgres.psql("delete from c_must; " + sql, world.source)
    for name in CHANGES:
        extra = {"must": ", extra", "renamed": "", "dropped": ""}.get(name, "")
        world.postgres.psql(f"insert into c_{name} (id{extra}) values (2{', 3' if extra else ''})"
                            if name != "bounded" else f"insert into c_{name} (id, v) values (2, 2)",
                            world.source)

    def held():
        tasks = world.server.ask("GET", "/connectors/real/status")[1]["tasks"]
        return {f"{one['topic']}-value" for task in tasks for one in task.get("held", [])}

    def versions():
        return {name: len(world.ask("GET", f"/subjects/{quoted(name)}/versions"))
                for name in subjects()}

    grown = {name for name, verdict in predicted.items() if verdict == "compatible"}
    servers.wait_until(lambda: held() == broken and
                       {name for name, count in versions().items() if count > 1} == grown,
                       f"broken {broken}, grown {grown}: {held()} {versions()}")
    assert set(predicted) == broken | grown
    # the very text: what was predicted to be the next version is one now
    again = world.verdicts(sql, source="real", scratch=world.postgres.dsn("migrate_real"))
    assert again == {**dict.fromkeys(broken, "incompatible"), **dict.fromkeys(grown, "registered")}
    world.server.ask("DELETE", "/connectors/real")
