"""test_held.py - a table whose new schema the registry refuses: its changes wait, others go on, nothing is lost."""
import os
import re
import subprocess

import pytest
import servers
from test_rest import Server, file_sink, read_lines

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HELD, FREE = "shop.public.held", "shop.public.free"


class World:
    """A server with its registry, a PostgreSQL source of two tables, and a file with what comes out."""

    def __init__(self, weir, folder, database, port):
        self.weir, self.folder, self.database = weir, folder, database
        self.registry = f"127.0.0.1:{servers.free_port()}"
        database.execute("create table held (id int primary key, v int)")
        database.execute("create table free (id int primary key, v int)")
        self.source = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": "127.0.0.1", "database.port": str(port),
            "database.user": "postgres", "database.dbname": database.name,
            "slot.name": database.name, "publication.name": database.name,
            "topic.prefix": "shop", "table.include.list": "public.held,public.free"}
        self.server = None
        self.start()
        self.server.ask("PUT", "/connectors/shop/config", self.source)
        self.server.ask("PUT", "/connectors/copy/config",
                        file_sink(folder, topics=f"{HELD},{FREE}"))
        self.server.wait_state("shop", "RUNNING")

    def start(self):
        self.server = Server(self.weir, self.folder, "--registry", self.registry)

    def values(self, topic):
        """What came out for a topic: (id, v), in order."""
        return [(row["id"], row["v"]) for row in
                (record["value"]["after"] for record in read_lines(self.folder)
                 if record["topic"] == topic)]

    def waiting(self):
        """The topics that wait, and why."""
        tasks = self.server.ask("GET", "/connectors/shop/status")[1]["tasks"]
        return {held["topic"]: held["reason"] for task in tasks for held in task.get("held", [])}

    def lift_level(self, topic):
        """The command of docs/guide/errors.md, for this registry and this topic."""
        with open(os.path.join(ROOT, "docs/guide/errors.md")) as file:
            command = re.search(r"^    (curl -X PUT.*\\\n.*)$", file.read(), re.M).group(1)
        command = command.replace("127.0.0.1:8081", self.registry).replace("shop.public.orders", topic)
        subprocess.run(command.replace("curl", "curl -sf", 1), shell=True, check=True,
                       capture_output=True)


class Database:
    def __init__(self, server, name):
        self.server, self.name = server, name
        server.create_database(name)

    def execute(self, sql):
        return self.server.psql(sql, self.name)

    def slot_is_past(self, lsn):
        return self.execute(f"select confirmed_flush_lsn >= '{lsn}' from pg_replication_slots "
                            f"where slot_name = '{self.name}'").strip() == "t"


@pytest.fixture
def world(postgres, weir, folder):
    return World(weir, folder, Database(postgres, os.path.basename(folder).replace("-", "_")),
                 postgres.port)


def test_a_table_with_an_incompatible_schema_waits_through_kill_9_and_goes_on_in_order(world):
    for n in range(10):
        world.database.execute(f"insert into held values ({n}, {n})")
    servers.wait_until(lambda: len(world.values(HELD)) == 10, "the first rows")
    world.database.execute("alter table held alter v type text using 'n' || v")
    for n in range(10, 20):
        world.database.execute(f"insert into held values ({n}, 'n{n}'); "
                               f"insert into free values ({n}, {n})")
    servers.wait_until(lambda: len(world.values(FREE)) == 10, "the other table")
    reason = world.waiting()[HELD]
    assert f"{HELD}-value" in reason and "after.v was int and is string" in reason, reason
    assert world.values(HELD) == [(n, n) for n in range(10)]

    # what waits is durable: the source's slot is not held up by it
    lsn = world.database.execute("select pg_current_wal_lsn()").strip()
    servers.wait_until(lambda: world.database.slot_is_past(lsn), "the slot")

    world.server.run.kill()
    world.start()
    for n in range(20, 30):
        world.database.execute(f"insert into held values ({n}, 'n{n}'); "
                               f"insert into free values ({n}, {n})")
    servers.wait_until(lambda: len(world.values(FREE)) == 20, "the other table, after the kill")
    assert world.values(HELD) == [(n, n) for n in range(10)]
    assert HELD in world.waiting()

    world.lift_level(HELD)
    servers.wait_until(lambda: len(world.values(HELD)) >= 30, "the rows that waited")
    world.database.execute("insert into held values (30, 'n30')")
    servers.wait_until(lambda: len(world.values(HELD)) >= 31, "a row behind them")
    assert world.values(HELD) == ([(n, n) for n in range(10)] +
                                  [(n, f"n{n}") for n in range(10, 31)])
    assert world.waiting() == {}
