"""world.py - a source that changes all the time, a pipeline into three sinks, and what differs afterwards."""
import collections
import json
import os
import random
import subprocess
import threading
import time
import urllib.request

import psycopg2

import compare
import duckdb
import servers
from slow_link import SlowLink

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROWS = 60_000
TABLES = {  # columns and what they hold, the key first
    "items": {"id": "integer", "n": "integer", "body": "text", "extra": "json"},
    "ledger": {"number": "integer"},
    "notes": {"number": "integer", "body": "text"},
}
KEYLESS = {"notes"}  # rows are only added, and are copied by a sink of their own
PIPELINE = """
name: crash
source:
  connector: postgres-cdc
  config:
    database.hostname: 127.0.0.1
    database.port: {port}
    database.user: postgres
    database.dbname: {source}
    topic.prefix: crash
    table.include.list: "public.*"
sinks:
  - name: dwh
    connector: warehouse
    topics: &keyed ["crash.public.items", "crash.public.ledger"]
    transforms: &to_tables
      - unwrap: {{}}
      - route: {{regex: 'crash\\.public\\.(.*)', replacement: '{name}_$1'}}
    config:
      connection.url: {target}
      insert.mode: upsert
      pk.mode: record_key
      delete.enabled: true
      auto.create: true
  - name: duck
    connector: warehouse
    topics: *keyed
    transforms: *to_tables
    config:
      connection.url: "{duckdb}"
      insert.mode: upsert
      pk.mode: record_key
      delete.enabled: true
      auto.create: true
  - name: notes
    connector: warehouse
    topics: ["crash.public.notes"]
    transforms: *to_tables
    config:
      connection.url: {target}
      insert.mode: insert
      auto.create: true
      truncate.enabled: true
"""
SEARCH_SINK = """
  - name: search
    connector: elasticsearch
    topics: *keyed
    transforms: *to_tables
    config:
      connection.url: {url}
      key.ignore: false
      behavior.on.null.values: delete
      write.method: insert
"""


class Changes(threading.Thread):
    """Changes rows until it is told to stop; each transaction adds one number to `ledger`.

    When the server goes away it comes back with it, and goes on behind the last number that is there.
    """

    def __init__(self, postgres, database, seed, pause=0.0):
        super().__init__(daemon=True)
        self.postgres, self.database, self.pause = postgres, database, pause
        self.random = random.Random(seed)
        self.stopping, self.count, self.error = threading.Event(), 0, None
        self.positions = []  # (where the WAL was behind a number, that number), of some

    def run(self):
        try:
            while not self.stopping.is_set():
                try:
                    self.work()
                except (psycopg2.OperationalError, psycopg2.InterfaceError):
                    self.stopping.wait(0.05)  # the server was killed: until it is back
        except Exception as error:  # raised again by stop
            self.error = error

    def work(self):
        connection = self.postgres.connect(self.database)
        connection.autocommit = False
        try:
            with connection.cursor() as cursor:
                cursor.execute("select coalesce(max(number) + 1, 0) from ledger")
                self.count = cursor.fetchone()[0]
                while not self.stopping.is_set():
                    self.change(cursor)
                    cursor.execute("insert into ledger values (%s)", (self.count,))
                    cursor.execute("insert into notes values (%s, 'changed')", (self.count,))
                    connection.commit()
                    if self.count % 8 == 0:
                        cursor.execute("select pg_current_wal_insert_lsn() - '0/0'")
                        self.positions.append((int(cursor.fetchone()[0]), self.count))
                    self.count += 1
                    self.stopping.wait(self.pause)
        finally:
            connection.close()

    def change(self, cursor):
        key = self.random.randint(1, ROWS)
        pick = self.random.random()
        if pick < 0.3:
            cursor.execute("update items set n = n + 1, body = 'changed' where id = %s", (key,))
        elif pick < 0.5:
            cursor.execute("delete from items where id between %s and %s", (key, key + 2))
        elif pick < 0.7:
            cursor.execute("update items set id = id + 10000000 where id = %s", (key,))
        else:
            cursor.execute("insert into items values (%s, 0, 'new', '{}') on conflict do nothing",
                           (20_000_000 + self.count,))

    def stop(self):
        self.stopping.set()
        self.join()
        if self.error:
            raise self.error


class World:
    """A source database, its sinks, and the pipeline between them; names hold tests apart."""

    def __init__(self, postgres, folder, build, weir, name, warehouse=None, search=None, rows=ROWS):
        self.postgres, self.folder, self.build, self.start_weir = postgres, folder, build, weir
        self.name, self.warehouse, self.search = name, warehouse or postgres, search
        self.source, self.target = f"{name}_source", f"{name}_target"
        self.data, self.duckdb = os.path.join(folder, "data"), os.path.join(folder, "duck.db")
        self.link = SlowLink(postgres.port)
        postgres.create_database(self.source)
        self.warehouse.create_database(self.target)
        postgres.psql("create table items (id bigint primary key, n int not null, body text, "
                      "extra jsonb); create table ledger (number bigint primary key); "
                      "create table notes (number bigint, body text)", self.source)
        postgres.psql(f"insert into items select n, n, repeat('x', n % 90), "
                      f"jsonb_build_object('n', n) from generate_series(1, {rows}) n; "
                      f"insert into notes select -n / 2, 'twice' from generate_series(1, {rows}) n",
                      self.source)
        self.pipeline = os.path.join(folder, "crash.yaml")
        with open(self.pipeline, "w") as file:
            file.write(PIPELINE.format(port=self.link.port, source=self.source, name=name,
                                       target=self.warehouse.dsn(self.target),
                                       duckdb=duckdb.driver_url(self.duckdb)))
            if search:
                file.write(SEARCH_SINK.format(url=search.url))

    def start(self, env=None):
        self.rest = servers.free_port()
        return self.start_weir(["run", self.pipeline, "--data", self.data, "--rest",
                                f"127.0.0.1:{self.rest}"], env)

    def snapshot_is_done(self, one):
        assert one.process.poll() is None, one.output[-3000:]
        return "snapshot complete" in one.output

    def has_number(self, number):
        table = f"{self.name}_ledger"
        if self.warehouse.psql(f"select to_regclass('{table}') is not null",
                               self.target).strip() != "t":
            return False
        return self.warehouse.psql(f"select count(*) from {table} where number = {number}",
                                   self.target).strip() == "1"

    def is_caught_up(self):
        """Each sink stands, committed, at the end of all its partitions."""
        url = f"http://127.0.0.1:{self.rest}/connectors?expand=status"
        with urllib.request.urlopen(url, timeout=10) as answer:
            connectors = json.load(answer)
        partitions = [partition for connector in connectors.values()
                      for task in connector["status"]["tasks"]
                      for partition in task.get("partitions", [])]
        return bool(partitions) and all(one["committed"] >= one["end"] for one in partitions)

    def finish(self, one):
        """All that the source has is in the sinks, as far as weir knows; then it is stopped."""
        # Behind everything else in the order of commits: when it is in a sink, all else is in the log.
        self.postgres.psql("insert into ledger values (1000000000)", self.source)
        try:
            servers.wait_until(lambda: self.has_number(1000000000), "the last change", 120, 0.05)
            servers.wait_until(self.is_caught_up, "every sink to catch up", 120, 0.05)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{one.output[-6000:]}")
        assert one.stop() == 0, one.output[-6000:]
        self.link.stop()

    # --- What there is afterwards: rows, one list for each place ---

    def read_postgres(self, server, database, table, columns):
        connection = server.connect(database)
        connection.autocommit = False
        with connection.cursor("rows") as cursor:
            cursor.itersize = 20000
            cursor.execute(f"select {', '.join(columns)} from {table}")
            rows = list(cursor)
        connection.close()
        return rows

    def read_duckdb(self, table, columns):
        rows = duckdb.query(self.duckdb, f"select {', '.join(columns)} from {self.name}_{table}")
        return [compare.typed(row, columns.values()) for row in rows]

    def read_search(self, table, columns):
        """Documents; one whose identifier is not its row's key is no row of the table."""
        return [tuple(document[column] for column in columns)
                if key == str(document[next(iter(columns))]) else (key, document)
                for key, document in self.search.documents(f"{self.name}_{table}").items()]

    def dump(self, table):
        """The log's records of a table."""
        dump = subprocess.run([os.path.join(self.build, "weir"), "log", "dump", "--data", self.data,
                               "--topic", f"crash.public.{table}", "--json"], capture_output=True,
                              text=True)
        if "there is no topic" in dump.stderr:
            return []  # nothing was written yet
        assert dump.returncode == 0, dump.stderr
        return [json.loads(line) for line in dump.stdout.splitlines()]

    def read_log(self, table, columns):
        """What somebody would have who applied the log from its beginning."""
        rows, added, key = {}, [], next(iter(columns))
        for record in self.dump(table):
            value = record["value"]
            if value is None:
                continue  # a tombstone, behind its delete
            if value["op"] == "t":
                rows, added = {}, []
            elif table in KEYLESS:
                added.append(tuple(value["after"][column] for column in columns))
            elif value["after"] is None:
                rows.pop(record["key"][key], None)
            else:
                rows[value["after"][key]] = tuple(value["after"][column] for column in columns)
        return added + list(rows.values())

    def confirmed_but_missing(self, changes):
        """Numbers that the source was told are durable, and that the log does not have. After a kill."""
        confirmed = int(self.postgres.psql(
            "select max(confirmed_flush_lsn - '0/0') from pg_replication_slots "
            f"where database = '{self.source}'", self.source).strip() or 0)
        known = [number for position, number in changes.positions if position <= confirmed]
        return sorted(set(known) - {row[0] for row in self.read_log("ledger", TABLES["ledger"])})

    def differences(self):
        """One line for each sink and table, and for the log, that is not as the source is."""
        found = []
        for table, columns in TABLES.items():
            target = f"{self.name}_{table}"
            places = {
                "the log": self.read_log(table, columns),
                "PostgreSQL": self.read_postgres(self.warehouse, self.target, target, columns),
            }
            if table not in KEYLESS:
                places["DuckDB"] = self.read_duckdb(table, columns)
                if self.search:
                    places["Elasticsearch"] = self.read_search(table, columns)
            source = counted(self.read_postgres(self.postgres, self.source, table, columns), columns)
            for place, rows in places.items():
                found += difference(f"{table} in {place}", source, counted(rows, columns))
        return found


def counted(rows, columns):
    """How often there is each row, in one text for all databases."""
    kinds = list(columns.values())
    return collections.Counter("|".join(
        compare.canonical(value, kind == "json") for value, kind in zip(row, kinds))
        for row in rows)


def difference(what, source, rows):
    missing, extra = source - rows, rows - source
    if not missing and not extra:
        return []
    return [f"{what}: {missing.total()} of {source.total()} missing, {extra.total()} too many: "
            f"{sorted(missing)[:4]} {sorted(extra)[:4]}"]


def kill_while_streaming(world, changes, rng, wanted, longest, env=None):
    """Kills so often, at most so many seconds behind a start, and stops when something was lost."""
    for _ in range(wanted):
        one = world.start(env)
        time.sleep(rng.uniform(0.005, longest))  # the moment of death
        assert one.process.poll() is None, one.output[-3000:]
        one.kill()
        lost = world.confirmed_but_missing(changes)
        if lost:
            return lost
    return []
