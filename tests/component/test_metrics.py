"""test_metrics.py - /metrics: what Prometheus' own parser and linter want, and nothing that the reference does not name."""
import contextlib
import os
import re

import pytest
import servers
from prometheus_client.parser import text_string_to_metric_families
from test_rest import COUNTER, Server, file_sink, read_lines

REFERENCE = os.path.join(os.path.dirname(__file__), "../../docs/reference/metrics.md")
ROW = re.compile(r"^\| `(\w+)` \| (gauge|counter) \| ([\w, ]*?) ?\| .+ \|$", re.M)


@pytest.fixture
def server(weir, folder):
    return Server(weir, folder, "--registry", f"127.0.0.1:{servers.free_port()}")


def reference():
    with open(REFERENCE) as file:
        return {name: (kind, set(filter(None, labels.split(", "))))
                for name, kind, labels in ROW.findall(file.read())}


def families(page):
    """By the name on the page, where the parser cuts _total off a counter's."""
    return {family.name + ("_total" if family.type == "counter" else ""): family
            for family in text_string_to_metric_families(page)}


def value(server, name, **labels):
    family = families(server.ask("GET", "/metrics")[1]).get(name)
    values = [sample.value for sample in family.samples
              if labels.items() <= sample.labels.items()] if family else []
    return values[0] if values else None


@pytest.fixture
def page(server, folder):
    """Of a worker that has sources and sinks."""
    server.ask("PUT", "/connectors/count/config", COUNTER)
    server.ask("PUT", "/connectors/copy/config", file_sink(folder))
    servers.wait_until(lambda: len(read_lines(folder)) == 1000, "1,000 lines")
    servers.wait_until(lambda: value(server, "weir_sink_lag_records", connector="copy") == 0,
                       "no lag")
    return server.ask("GET", "/metrics")[1]


def test_every_metric_is_in_the_reference_with_its_type_and_labels(page):
    known, seen = reference(), families(page)
    unknown = set(seen) - set(known)
    assert not unknown
    for name, family in seen.items():
        kind, labels = known[name]
        assert family.type == kind, name
        for sample in family.samples:
            assert set(sample.labels) == labels, name
    missing = {name for name in known if name not in seen}
    assert missing == set(), "in the reference, and not on the page"


def test_the_page_has_nothing_that_promtool_would_lint(page):
    units = ("seconds", "bytes", "ratio", "info", "timestamp")
    abbreviations = re.compile(r"_(s|ms|us|ns|sec|secs|b|kb|mb|gb|milliseconds|kilobytes)(_|$)")
    lines = page.splitlines()
    assert page.endswith("\n") and len(lines) == len(set(lines)), "a sample stands twice"
    for name, family in families(page).items():
        assert family.documentation and family.type in ("counter", "gauge"), name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert name.endswith("_total") == (family.type == "counter"), name
        assert not re.search(r"_(count|sum|bucket)$", name), f"{name}: kept for histograms"
        assert not re.search(r"_(gauge|counter|histogram|summary)(_|$)", name), name
        assert not abbreviations.search(name), f"{name}: base units, one of {units}"
        for sample in family.samples:
            assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in sample.labels), name


def test_numbers_are_those_of_what_happened(server, page):
    assert value(server, "weir_task_records_total", connector="count") == 1000
    assert value(server, "weir_task_records_total", connector="copy") == 1000
    assert value(server, "weir_connector_state", connector="copy", state="RUNNING") == 1
    assert value(server, "weir_task_state", connector="count", state="COMPLETED") == 1
    assert value(server, "weir_sink_delay_seconds", connector="copy") == 0
    assert value(server, "weir_source_last_record_timestamp_seconds", connector="count") > 1.6e9
    assert value(server, "weir_log_topic_size_bytes", topic="numbers") > 1000
    syncs = value(server, "weir_log_syncs_total")
    assert syncs > 2 and 0 < value(server, "weir_log_sync_seconds_total") < syncs
    before = value(server, "weir_http_requests_total", listener="rest", status="4xx")
    assert server.ask("GET", "/nowhere")[0] == 404
    assert value(server, "weir_http_requests_total", listener="rest", status="4xx") == before + 1


def test_a_replication_slot_shows_how_far_it_is_confirmed(postgres, server):
    postgres.create_database("shown")
    with contextlib.closing(postgres.connect("shown")) as connection:
        cursor = connection.cursor()
        cursor.execute("create table a (id int primary key); insert into a values (1), (2)")
        server.ask("PUT", "/connectors/cdc/config", {
            "connector.class": "postgres-cdc", "database.hostname": "127.0.0.1",
            "database.port": str(postgres.port), "database.user": "postgres",
            "database.dbname": "shown", "topic.prefix": "t", "slot.name": "shown"})
        servers.wait_until(lambda: value(server, "weir_task_phase", connector="cdc",
                                         phase="streaming") == 1, "streaming")
        cursor.execute("insert into a values (3)")
        cursor.execute("select pg_current_wal_lsn() - '0/0'")
        target = float(cursor.fetchone()[0])
        servers.wait_until(lambda: (value(server, "weir_task_postgres_confirmed_lsn_bytes") or 0)
                           >= target, "the slot to be confirmed")
        with open(REFERENCE) as file:
            named = set(re.findall(r"`(weir_task_postgres_\w+)` \| postgres-cdc", file.read()))
        page = families(server.ask("GET", "/metrics")[1])
        assert named == {name for name in page if "postgres" in name}
        assert page["weir_task_postgres_unconfirmed_bytes"].samples[0].value == (
            page["weir_task_postgres_received_lsn_bytes"].samples[0].value
            - page["weir_task_postgres_confirmed_lsn_bytes"].samples[0].value)
        server.ask("DELETE", "/connectors/cdc")
