"""test_kill.py - kill -9 of weir at random moments: afterwards every sink equals the source.

The source is changed all the time: inserts, updates, deletes, and keys that change, also while the snapshot
runs. A table that only grows shows that the log has every change: its numbers have no gap.
"""
import json
import os
import random
import subprocess
import threading
import time

import compare
import servers

ROWS = 150_000
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
    topics: ["crash.public.*"]
    transforms: [{{unwrap: {{}}}}, {{route: {{regex: 'crash\\.public\\.(.*)', replacement: '$1'}}}}]
    config:
      connection.url: {target}
      insert.mode: upsert
      pk.mode: record_key
      delete.enabled: true
      auto.create: true
"""


class Changes(threading.Thread):
    """Changes rows until it is told to stop; each transaction adds one number to `ledger`."""

    def __init__(self, postgres, database, seed):
        super().__init__()
        self.connection = postgres.connect(database)
        self.connection.autocommit = False
        self.random = random.Random(seed)
        self.stopping, self.count, self.error = threading.Event(), 0, None

    def run(self):
        try:
            with self.connection.cursor() as cursor:
                while not self.stopping.is_set():
                    self.change(cursor)
                    self.connection.commit()
                    self.count += 1
        except Exception as error:  # raised again by stop
            self.error = error
        self.connection.close()

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
        cursor.execute("insert into ledger values (%s)", (self.count,))

    def stop(self):
        self.stopping.set()
        self.join()
        if self.error:
            raise self.error
        return self.count


class Setup:
    def __init__(self, postgres, folder, build, name):
        self.postgres, self.folder, self.build, self.name = postgres, folder, build, name
        postgres.create_database(f"{name}_source")
        postgres.create_database(f"{name}_target")
        postgres.psql("create table items (id bigint primary key, n int not null, body text, "
                      "extra jsonb); create table ledger (number bigint primary key)", self.source)
        postgres.psql(f"insert into items select n, n, repeat('x', n % 90), "
                      f"jsonb_build_object('n', n) from generate_series(1, {ROWS}) n", self.source)
        self.pipeline = os.path.join(folder, "crash.yaml")
        with open(self.pipeline, "w") as file:
            file.write(PIPELINE.format(port=postgres.port, source=self.source,
                                       target=postgres.dsn(self.target)))

    source = property(lambda self: f"{self.name}_source")
    target = property(lambda self: f"{self.name}_target")
    data = property(lambda self: os.path.join(self.folder, "data"))

    def arguments(self):
        return ["run", self.pipeline, "--data", self.data]

    def one(self, sql, database):
        return self.postgres.psql(sql, database).strip()

    def snapshot_is_done(self, log_path):
        with open(log_path, errors="replace") as file:
            return "snapshot complete" in file.read()

    def wait_until_equal(self, count):
        """Until the last number of the ledger is in the target; then all before it is."""
        def there():
            if self.one("select to_regclass('ledger') is not null", self.target) != "t":
                return False
            return self.one(f"select count(*) from ledger where number = {count - 1}",
                            self.target) == "1"
        servers.wait_until(there, "the last change in the target", 120, 0.1)
        # Topics are read side by side: the other table may still be on its way.
        rows = self.one("select count(*) from items", self.source)
        servers.wait_until(lambda: self.one("select count(*) from items", self.target) == rows,
                           "as many rows in the target as in the source", 60, 0.1)
        time.sleep(1)  # an update more does not change the count

    def digest(self, database, table, json_columns):
        connection = self.postgres.connect(database)
        connection.autocommit = False
        with connection.cursor("rows") as cursor:
            cursor.itersize = 20000
            cursor.execute(f"select * from {table}")
            digest = compare.table_digest(cursor, json_columns)
        connection.close()
        return digest

    def assert_equal(self):
        for table, json_columns in (("items", [3]), ("ledger", [])):
            assert self.digest(self.target, table, json_columns) == \
                self.digest(self.source, table, json_columns), table

    def assert_log_has_all(self, count):
        """Every number of the ledger is in the log, whatever was sent twice."""
        dump = subprocess.run([os.path.join(self.build, "weir"), "log", "dump", "--data", self.data,
                               "--topic", "crash.public.ledger", "--json"], check=True,
                              capture_output=True, text=True).stdout
        numbers = set()
        for line in dump.splitlines():
            value = json.loads(line)["value"]
            if value is not None and value.get("after") is not None:
                numbers.add(value["after"]["number"])
        assert numbers == set(range(count))


def run_and_kill(weir, setup, rng, wanted, early=False):
    """Starts and kills until `wanted` kills have hit; returns how many came before the snapshot's end."""
    in_snapshot = 0
    for _ in range(wanted):
        one = weir(setup.arguments())
        time.sleep(rng.uniform(0.005, 0.1) if early else rng.uniform(0.05, 0.5))  # the moment of death
        assert one.process.poll() is None, one.output[-3000:]
        in_snapshot += not setup.snapshot_is_done(one.log_path)
        one.kill()
    return in_snapshot


def finish(weir, setup, changes):
    one = weir(setup.arguments())
    count = changes.stop()
    setup.wait_until_equal(count)
    assert one.stop() == 0, one.output[-3000:]
    setup.assert_equal()
    setup.assert_log_has_all(count)


def test_kills_during_the_snapshot_lose_nothing_and_keep_no_deleted_row(
        postgres, folder, build, weir):
    setup = Setup(postgres, folder, build, "snap")
    changes = Changes(postgres, setup.source, 1)
    changes.start()
    rng, killed, tries = random.Random(11), 0, 0
    while killed < 10:
        tries += 1
        assert tries < 40, f"only {killed} kills came before the snapshot's end"
        one = weir(setup.arguments())
        time.sleep(rng.uniform(0.06, 0.2))  # the moment of death
        if setup.snapshot_is_done(one.log_path):
            break
        killed += 1
        one.kill()
    assert killed >= 10
    finish(weir, setup, changes)


def test_kills_while_streaming_under_load_lose_nothing(postgres, folder, build, weir):
    setup = Setup(postgres, folder, build, "stream")
    changes = Changes(postgres, setup.source, 2)
    one = weir(setup.arguments())
    servers.wait_until(lambda: setup.snapshot_is_done(one.log_path), "the snapshot", 60)
    changes.start()
    one.kill()
    rng = random.Random(12)
    run_and_kill(weir, setup, rng, 10)
    run_and_kill(weir, setup, rng, 5, early=True)
    finish(weir, setup, changes)
