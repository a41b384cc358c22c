"""test_warehouse_configs.py - configurations of the JDBC sinks that this one replaces, as they are."""

import pytest
import servers
from test_rest import Server

SOURCE = {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
    "database.hostname": "127.0.0.1", "database.user": "postgres", "database.password": "",
    "topic.prefix": "shop", "plugin.name": "pgoutput", "slot.name": "configs",
    "table.include.list": "public.*", "skipped.operations": "none",
}
DEBEZIUM_SINK = {
    "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "tasks.max": "1",
    "connection.username": "postgres", "connection.password": "postgres",
    "insert.mode": "upsert", "delete.enabled": "true", "primary.key.mode": "record_key",
    "schema.evolution": "basic", "use.time.zone": "UTC", "truncate.enabled": "true",
    "connection.pool.min_size": "5", "connection.pool.max_size": "32", "batch.size": "500",
    "use.reduction.buffer": "true", "topics": "shop.public.Orders",
}
CONFLUENT_SINK = {
    "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "tasks.max": "1",
    "topics": "shop.public.Orders", "connection.user": "postgres", "connection.password": "postgres",
    "connection.attempts": "3", "connection.backoff.ms": "10000", "connection.loginTimeout": "10",
    "dialect.name": "PostgreSqlDatabaseDialect", "insert.mode": "UPSERT", "batch.size": "3000",
    "max.retries": "10", "retry.backoff.ms": "3000", "delete.enabled": "true",
    "pk.mode": "record_key", "pk.fields": "Id", "auto.create": "true", "auto.evolve": "true",
    "table.types": "TABLE", "table.name.format": "kafka_${topic}", "fields.whitelist": "Id,customer",
    "db.timezone": "UTC", "date.timezone": "DB_TIMEZONE", "quote.sql.identifiers": "ALWAYS",
    "timestamp.precision.mode": "microseconds", "trim.sensitive.log": "true",
    "key.converter": "io.confluent.connect.avro.AvroConverter",
    "value.converter": "io.confluent.connect.avro.AvroConverter",
    "errors.tolerance": "all", "errors.log.enable": "true",
    "transforms": "unwrap,route",
    "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
    "transforms.unwrap.delete.tombstone.handling.mode": "tombstone",
    "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "transforms.route.regex": "([^.]+)\\.([^.]+)\\.([^.]+)", "transforms.route.replacement": "$3",
}


@pytest.fixture
def shop(postgres, weir, folder):
    """A source that streams from a table; (server, query of the source, the warehouse's dsn and query)."""
    postgres.create_database("configs")
    postgres.create_database("configs_dwh")
    connections = [postgres.connect("configs"), postgres.connect("configs_dwh")]

    def query(index):
        def run(sql):
            with connections[index].cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else None
        return run

    query(0)('create table "Orders" ("Id" bigint primary key, customer text, total numeric(10,2))')
    query(0)("insert into \"Orders\" values (1, 'ann', 1.50), (2, 'bob', 2.50), (3, 'cyd', 3.50)")
    server = Server(weir, folder)
    config = {**SOURCE, "database.port": str(postgres.port), "database.dbname": "configs"}
    assert server.ask("PUT", "/connectors/source/config", config)[0] == 201
    yield server, query(0), f"jdbc:postgresql://127.0.0.1:{postgres.port}/configs_dwh", query(1)
    server.run.stop()
    for connection in connections:
        connection.close()
    for name in ("configs", "configs_dwh"):
        with postgres.connect() as connection, connection.cursor() as cursor:
            cursor.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                           f"where database = '{name}' and not active")
        postgres.psql(f"drop database {name} with (force)")


def rows_become(query, sql, expected):
    def same():
        try:
            return query(sql) == expected
        except Exception as missing:
            if "does not exist" not in str(missing):
                raise
    try:
        servers.wait_until(same, f"{sql} to be {expected}")
    except TimeoutError:
        assert query(sql) == expected


def change(query):
    query('insert into "Orders" values (4, \'dan\', 4.50)')
    query('update "Orders" set customer = \'anna\' where "Id" = 1')
    query('delete from "Orders" where "Id" = 2')
    query('update "Orders" set "Id" = 30 where "Id" = 3')


def test_a_debezium_jdbc_sink_runs_unchanged_on_change_events(shop):
    server, source, url, warehouse = shop
    status, answer = server.ask("POST", "/connectors", {
        "name": "sink", "config": {**DEBEZIUM_SINK, "connection.url": url}})
    assert status == 201, answer
    # its names: dots become underscores, and what is not quoted folds
    rows_become(warehouse, "select * from shop_public_orders order by id",
                [(1, "ann", pytest.approx(1.5)), (2, "bob", pytest.approx(2.5)),
                 (3, "cyd", pytest.approx(3.5))])
    change(source)
    rows_become(warehouse, "select id, customer from shop_public_orders order by id",
                [(1, "anna"), (4, "dan"), (30, "cyd")])
    source('alter table "Orders" add note text')
    source('insert into "Orders" values (5, \'eve\', 5, \'new\')')
    rows_become(warehouse, "select id, note from shop_public_orders where note is not null",
                [(5, "new")])
    source('truncate "Orders"')
    source('insert into "Orders" values (6, \'fay\', 6, null)')
    rows_become(warehouse, "select id from shop_public_orders", [(6,)])
    assert server.state("sink") == ("RUNNING", ["RUNNING"])


def test_a_confluent_jdbc_sink_runs_unchanged(shop):
    server, source, url, warehouse = shop
    status, answer = server.ask("POST", "/connectors", {
        "name": "sink", "config": {**CONFLUENT_SINK, "connection.url": url + "?currentSchema=public"
                                   "&ssl=false&reWriteBatchedInserts=true"}})
    assert status == 201, answer
    rows_become(warehouse, 'select * from "kafka_Orders" order by "Id"',
                [(1, "ann"), (2, "bob"), (3, "cyd")])
    change(source)
    rows_become(warehouse, 'select * from "kafka_Orders" order by "Id"',
                [(1, "anna"), (4, "dan"), (30, "cyd")])
    assert server.state("sink") == ("RUNNING", ["RUNNING"])


@pytest.mark.parametrize("name, value, reason", [
    ("field.exclude.list", "note", "use fields.whitelist"),
    ("primary.key.mode", "record_header", "headers cannot be a key"),
    ("collection.name.format", "${source.table}", "the route transform"),
    ("column.naming.strategy", "com.example.Mine", "a Java class, which cannot be loaded"),
    ("use.time.zone", "Europe/Berlin", "only UTC|set UTC"),
])
def test_what_has_no_counterpart_is_refused_with_what_to_do(weir, folder, name, value, reason):
    server = Server(weir, folder)
    status, answer = server.ask("PUT", "/connectors/sink/config", {
        **DEBEZIUM_SINK, "connection.url": "jdbc:postgresql://127.0.0.1/none", name: value})
    assert status == 400
    assert name in answer["message"]
    assert any(word in answer["message"] for word in reason.split("|"))
    status, answer = server.ask("PUT", "/connector-plugins/warehouse/config/validate", {
        "name": "sink", **DEBEZIUM_SINK, "connection.url": "jdbc:postgresql://127.0.0.1/none", name: value})
    assert answer["error_count"] == 1
    wrong = {config["value"]["name"]: config["value"]["errors"] for config in answer["configs"]
             if config["value"]["errors"]}
    assert list(wrong) == [name]
    names = [config["value"]["name"] for config in answer["configs"]]
    assert len(names) == len(set(names))
