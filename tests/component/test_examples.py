"""test_examples.py - every file in configs/ and every command in README.md and docs/guide, run as written.

Where an example names a server or a folder of its own, --set puts the test's in its place; nothing else is
changed. An example or a command that no test here runs fails the first two tests.
"""
import json
import os
import re
import subprocess
import urllib.request

import prometheus_client.parser
import pytest

import duckdb
import servers
from test_rest import Server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIGS = os.path.join(ROOT, "configs")
DOCUMENTS = ["README.md"] + sorted(f"docs/guide/{name}" for name in
                                   os.listdir(os.path.join(ROOT, "docs/guide")))
SHOP = """create table orders (id bigint primary key, customer text, total numeric(10,2), placed timestamptz);
insert into orders select i, 'c' || i % 7, i * 1.25, '2026-01-01Z'::timestamptz + i * interval '1 minute'
  from generate_series(1, 500) i"""
CHANGES = ["insert into orders values (501, 'new', 1, now())",
           "update orders set customer = 'changed' where id % 100 = 0", "delete from orders where id = 7"]

# Each command of the documents, and who runs it: a test of this file, or what runs it elsewhere.
COMMANDS = {
    "make demo": "tests/demo/run, by hand and in the release check; it takes its own servers",
    "make test": "tests/run is what runs this test",
    "make": "test_install.py builds before it installs",
    "build/release/weir run configs/counter-to-file.yaml": "test_the_counter_is_copied",
    "weir validate shop.yaml": "test_the_pipeline_of_the_readme_runs",
    "weir run shop.yaml": "test_the_pipeline_of_the_readme_runs",
    "weir server --data DIR": "test_the_commands_of_rest_md",
    "weir server --data /var/lib/weir": "test_the_commands_of_rest_md",
    "curl -X POST -H 'Content-Type: application/json' localhost:8083/connectors -d '\n"
    "{\"name\": \"count\", \"config\": {\"connector.class\": \"counter\", \"topic\": \"numbers\", "
    "\"limit\": \"1000\"}}'": "test_the_commands_of_rest_md",
    "curl localhost:8083/connectors/count/status": "test_the_commands_of_rest_md",
    "curl -X PUT localhost:8083/connectors/shop.dwh/stop": "test_the_commands_of_rest_md",
    "curl -X PATCH -H 'Content-Type: application/json' localhost:8083/connectors/shop.dwh/offsets -d '\n"
    "{\"offsets\": [{\"partition\": {\"kafka_topic\": \"shop.public.orders\", \"kafka_partition\": 0},\n"
    "\"offset\": {\"kafka_offset\": 1000}}]}'": "test_the_commands_of_rest_md",
    "curl -X PUT localhost:8083/connectors/shop.dwh/resume": "test_the_commands_of_rest_md",
    "weir registry --data /var/lib/weir-registry": "test_the_commands_of_registry_md",
    "weir schema register orders-value order.avsc": "test_the_commands_of_registry_md",
    "weir schema check orders-value changed.avsc": "test_the_commands_of_registry_md",
    "weir schema list": "test_the_commands_of_registry_md",
    "weir schema get orders-value latest": "test_the_commands_of_registry_md",
    "weir schema diff orders-value 1 latest": "test_the_commands_of_registry_md",
    "curl -X PUT -H 'Content-Type: application/json' -d '{\"compatibility\": \"NONE\"}' \\":
        "tests/component/test_held.py runs it",
    "http://127.0.0.1:8081/config/shop.public.orders-value": "tests/component/test_held.py runs it: the second line",
    "createdb scratch": "test_the_commands_of_migrations_md",
    "pg_dump --schema-only --no-owner --no-subscriptions shop | psql -q -d scratch":
        "test_the_commands_of_migrations_md",
    "weir schema check-migration change.sql --source shop.source --scratch postgresql:///scratch":
        "test_the_commands_of_migrations_md",
    "weir schema check-migration change.sql --source shop.source --scratch postgresql:///scratch "
    "--pipeline shop.yaml": "test_the_commands_of_migrations_md",
    "weir plugin new my-source": "test_the_commands_of_plugins_md",
    "cd my-source && make": "test_install.py::test_a_plugin_is_built_against_what_is_installed",
    "weir plugin check ./my-source.so topic=test limit=10": "test_the_commands_of_plugins_md",
}


def blocks(document):
    """The code of a document: fenced or indented by four, without that indentation."""
    with open(os.path.join(ROOT, document)) as file:
        text = file.read()
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)
    indented = re.findall(r"((?:^    .*\n|^\n(?=    ))+)", rest, re.M)
    return fenced + [re.sub(r"^    ", "", block, flags=re.M).strip("\n") + "\n" for block in indented]


def commands(document):
    """Without their comments; a quoted text may go over lines."""
    found = []
    for block in blocks(document):
        if re.match(r"name: |users:|note: |topic\.", block):
            continue
        lines = iter(block.splitlines())
        for line in lines:
            line = re.sub(r"\s+#.*", "", line).strip()
            while line.count("'") % 2 == 1:
                line += "\n" + next(lines).strip()
            if line:
                found.append(line)
    return found


def pipelines(document):
    return [block for block in blocks(document) if block.startswith("name: ")]


def test_every_command_of_the_documents_is_known_here():
    found = {command for document in DOCUMENTS for command in commands(document)}
    assert found == set(COMMANDS)
    for command, where in COMMANDS.items():
        assert where in globals() or "test_install" in where or "tests/" in where, command


def test_every_example_is_run_here():
    with open(__file__) as file:
        own = file.read()
    for name in os.listdir(CONFIGS):
        assert f'"{name}"' in own, f"no test runs configs/{name}"


@pytest.fixture
def shop(postgres, request):
    """A source database with some rows; its name."""
    name = re.sub(r"\W", "_", request.node.name)[:40] + "_shop"
    postgres.create_database(name)
    for sql in SHOP.split(";\n"):
        postgres.psql(sql, name)
    return name


def source_flags(postgres, shop, connector="shop.source"):
    return [flag for setting in (("database.hostname", "127.0.0.1"), ("database.port", postgres.port),
                                 ("database.user", "postgres"), ("database.dbname", shop))
            for flag in ("--set", f"{connector}:{setting[0]}={setting[1]}")]


def expected(postgres, database, schema="public"):
    with postgres.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(f'select id, customer, total from {schema}.orders order by id')
        return cursor.fetchall()


def check_follows(run, postgres, shop, read):
    """The sink has the snapshot, then the changes; a signal ends the run with 0."""
    def equal():
        assert run.process.poll() is None, run.output
        return read() == expected(postgres, shop)

    servers.wait_until(equal, "the snapshot", 60)
    for sql in CHANGES:
        postgres.psql(sql, shop)
    servers.wait_until(equal, "the changes", 60)
    assert run.stop() == 0, run.output


def rows_or_none(read):
    """A table that is not there yet is no rows."""
    def attempt():
        try:
            return read()
        except Exception:  # whatever the driver calls it
            return None
    return attempt


def test_the_counter_is_copied(weir, folder):
    run = weir(["run", os.path.join(CONFIGS, "counter-to-file.yaml")])
    assert run.wait() == 0, run.output
    with open(os.path.join(folder, "numbers.txt")) as file:
        assert sum(1 for _ in file) == 1000000
    again = weir(["run", os.path.join(CONFIGS, "counter-to-file.yaml")])
    assert again.wait() == 0, again.output
    assert os.path.getsize(os.path.join(folder, "numbers.txt")) == 6888890  # not one line twice


def test_postgres_is_followed_into_a_warehouse(weir, postgres, shop):
    dwh = postgres.create_database(shop + "_dwh")
    run = weir(["run", os.path.join(CONFIGS, "postgres-to-warehouse.yaml"),
                *source_flags(postgres, shop), "--set", f"shop.dwh:connection.url={dwh}"],
               env={"PGPASSWORD": "x", "DWH_PASSWORD": "x"})
    check_follows(run, postgres, shop,
                  rows_or_none(lambda: expected(postgres, shop + "_dwh")))


def test_postgres_is_followed_into_duckdb(weir, postgres, shop, folder):
    path = os.path.join(folder, "shop.duckdb")
    run = weir(["run", os.path.join(CONFIGS, "postgres-to-duckdb.yaml"),
                *source_flags(postgres, shop), "--set",
                f"shop.duck:connection.url={duckdb.driver_url(path)}"], env={"PGPASSWORD": "x"})
    servers.wait_until(lambda: re.search(r"shop\.duck .*500 written.*lag 0", run.output),
                       "the snapshot", 60)
    for sql in CHANGES:
        postgres.psql(sql, shop)
    servers.wait_until(lambda: re.search(r"shop\.duck .*50[89] written.*lag 0|"
                                         r"shop\.duck .*51\d written.*lag 0", run.output),
                       "the changes", 60)
    assert run.stop() == 0, run.output
    rows = duckdb.query(path, "select id, customer, total from orders order by id")
    assert rows == [tuple(str(cell) for cell in row) for row in expected(postgres, shop)]


def test_postgres_is_followed_into_elasticsearch(weir, postgres, shop, elasticsearch):
    run = weir(["run", os.path.join(CONFIGS, "postgres-to-elasticsearch.yaml"),
                *source_flags(postgres, shop), "--set",
                f"shop.search:connection.url={elasticsearch.url}"], env={"PGPASSWORD": "x"})

    def read():
        found = elasticsearch.documents("orders").values()
        return sorted(((d["id"], d["customer"]) for d in found))

    def equal():
        assert run.process.poll() is None, run.output
        return rows_or_none(read)() == [row[:2] for row in expected(postgres, shop)]

    servers.wait_until(equal, "the snapshot", 60)
    for sql in CHANGES:
        postgres.psql(sql, shop)
    servers.wait_until(equal, "the changes", 60)
    assert run.stop() == 0, run.output


@pytest.mark.parametrize("document", ["README.md", "docs/guide/getting-started.md"])
def test_the_pipeline_of_the_readme_runs(weir, postgres, shop, folder, document):
    dwh = postgres.create_database(shop + "_dwh")
    text, = pipelines(document)
    with open(os.path.join(folder, "shop.yaml"), "w") as file:
        file.write(text)
    env = {"PGPASSWORD": "x"}
    assert weir(["validate", "shop.yaml"], env).wait() == 0
    run = weir(["run", "shop.yaml", *source_flags(postgres, shop),
                "--set", f"shop.dwh:connection.url={dwh}", "--set", "shop.dwh:auto.create=true",
                "--set", "shop.dwh:delete.enabled=true"], env)
    check_follows(run, postgres, shop, rows_or_none(lambda: expected(postgres, shop + "_dwh")))


def shell(build, folder, command, **replace):
    """The command in a shell that finds weir; what stands for a place of the reader's is replaced."""
    for old, new in replace.items():
        command = command.replace(old.replace("_", "/"), new) if "_" in old else \
            command.replace(old, new)
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True,
                          timeout=60, env={**os.environ, "PATH": build + ":" + os.environ["PATH"]})


def test_the_commands_of_rest_md(weir, build, folder):
    server = Server(weir, folder)
    create, status, *back = [c for c in commands("docs/guide/rest.md") if c.startswith("curl")]
    made = shell(build, folder, create.replace("8083", str(server.port)).replace("curl", "curl -s", 1))
    assert json.loads(made.stdout)["name"] == "count", made
    server.wait_state("count", "COMPLETED")
    shown = shell(build, folder, status.replace("8083", str(server.port)))
    assert json.loads(shown.stdout)["tasks"][0]["state"] == "COMPLETED"
    server.ask("PUT", "/connectors/shop.source/config", {
        "connector.class": "counter", "topic": "shop.public.orders", "limit": "1200"})
    server.ask("PUT", "/connectors/shop.dwh/config", {
        "connector.class": "file", "topics": "shop.public.orders", "file": f"{folder}/dwh.txt"})
    servers.wait_until(lambda: os.path.exists(f"{folder}/dwh.txt")
                       and len(open(f"{folder}/dwh.txt").readlines()) == 1200, "1,200 rows")
    for command in back:
        done = shell(build, folder, command.replace("8083", str(server.port)))
        assert done.returncode == 0 and "error_code" not in done.stdout, done
    servers.wait_until(lambda: len(open(f"{folder}/dwh.txt").readlines()) == 1400, "200 of them again")
    for command in ("weir server --data DIR", "weir server --data /var/lib/weir"):
        words = command.replace("/var/lib/weir", "DIR").replace("DIR", os.path.join(folder, "other"))
        run = weir(words.split()[1:] + ["--rest", "127.0.0.1:0"])
        servers.wait_until(lambda: "ready" in run.output, "the server to be ready")
        assert run.stop() == 0, run.output


def test_the_commands_of_registry_md(weir, build, folder):
    serve, *schema = commands("docs/guide/registry.md")
    port = servers.free_port()
    run = weir(serve.split()[1:-1] + [f"{folder}/registry", "--listen", f"127.0.0.1:{port}"])
    servers.wait_until(lambda: "ready" in run.output, "the registry to be ready")
    for name, fields in (("order", ["id"]), ("changed", ["id", "more"])):
        with open(f"{folder}/{name}.avsc", "w") as file:
            json.dump({"type": "record", "name": "Order", "fields": [
                {"name": field, "type": "long", "default": 0} for field in fields]}, file)
    done = [shell(build, folder, f"{command} --url 127.0.0.1:{port}") for command in schema]
    assert [one.returncode for one in done] == [0] * len(done), done
    assert done[1].stdout == "compatible\n" and done[2].stdout == "orders-value\n"
    assert json.loads(done[3].stdout)["name"] == "Order"
    assert run.stop() == 0, run.output


def test_the_commands_of_migrations_md(weir, build, postgres, shop, folder):
    """With the places of the servers in the environment, and where worker and registry are behind the command."""
    create, dump, by_worker, by_file = commands("docs/guide/migrations.md")
    registry = f"127.0.0.1:{servers.free_port()}"
    server = Server(weir, folder, "--registry", registry)
    config = {"database.hostname": "127.0.0.1", "database.port": str(postgres.port),
              "database.user": "postgres", "database.dbname": shop, "slot.name": shop,
              "publication.name": shop, "topic.prefix": "shop", "table.include.list": "public.*"}
    server.ask("PUT", "/connectors/shop.source/config", {"connector.class": "postgres-cdc", **config})
    with open(f"{folder}/shop.yaml", "w") as file:
        file.write("name: shop\nsource:\n  connector: postgres-cdc\n  config:\n" +
                   "".join(f"    {name}: {value}\n" for name, value in config.items()) +
                   "sinks:\n- {name: out, connector: file, topics: [\"shop.*\"], config: {file: out.txt}}\n")
    with open(f"{folder}/change.sql", "w") as file:
        file.write("alter table orders alter total type double precision;")

    def registered():
        return "orders-value" in shell(build, folder, f"weir schema list --url {registry}").stdout

    servers.wait_until(registered, "the schema to be registered")
    place = (f"export PGHOST=127.0.0.1 PGPORT={postgres.port} PGUSER=postgres "
             f"PATH={servers.POSTGRES_BIN}:$PATH; ")
    for command in (create, dump.replace(" shop ", f" {shop} ")):
        done = shell(build, folder, place + command)
        assert done.returncode == 0, done
    for command in (f"{by_worker} --rest 127.0.0.1:{server.port}", by_file):
        done = shell(build, folder, f"{place}{command} --url {registry}")
        assert done.returncode == 1 and done.stderr == "", done
        assert done.stdout.startswith("shop.public.orders-value: not compatible (BACKWARD)\n"
                                      "  before.total was bytes and is double, "), done
        assert "1 of 2 subjects would break: their records would wait" in done.stdout
    postgres.psql("drop database scratch")
    assert server.run.stop() == 0, server.run.output


def test_the_table_of_rest_md_names_what_is_answered(weir, folder):
    """Each path of the table, with a connector in its place, is a route: never 404 or 405."""
    server = Server(weir, folder)
    config = {"connector.class": "counter", "topic": "numbers", "limit": "10"}
    server.ask("POST", "/connectors", {"name": "NAME", "config": config})
    with open(os.path.join(ROOT, "docs/guide/rest.md")) as file:
        table = [line for line in file if line.startswith("| ") and "`" in line]
    asked = 0
    for line in table:
        for call in re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE)[^`]*)`", line):
            match = re.match(r"((?:GET|POST|PUT|PATCH|DELETE))(?: or PATCH)? (/\S+)$", call)
            if not match or match.group(1) == "DELETE":
                continue
            path = match.group(2)
            plugin_path = path.replace("/connector-plugins/NAME", "/connector-plugins/counter")
            body = {"level": "INFO"} if "loggers" in path else {**config} if "config" in path else None
            got, answer = server.ask(match.group(1), plugin_path, body)
            assert got not in (404, 405), (call, answer)
            asked += 1
    assert asked >= 7


def test_the_commands_of_plugins_md(build, folder):
    new, _, check = commands("docs/guide/plugins.md")
    assert shell(build, folder, new).returncode == 0
    made = os.path.join(folder, "my-source")
    subprocess.run(["cc", "-std=c11", "-fPIC", "-shared", "-D_GNU_SOURCE", f"-I{ROOT}/sdk/include",
                    "source.c", "-o", "my-source.so"], cwd=made, check=True)
    done = shell(build, made, check)
    assert done.returncode == 0, done
    done = shell(build, folder, "weir plugin new my-sink --sink")
    assert done.returncode == 0 and os.path.exists(os.path.join(folder, "my-sink/sink.c"))


def test_what_the_guides_say_of_the_command_line(weir, build, folder):
    """docs/guide: dump, verify, describe; and beside a server status, pause, resume, stop, restart, offsets."""
    pipeline = os.path.join(CONFIGS, "counter-to-file.yaml")
    assert weir(["run", pipeline, "--set", "try.source:limit=10"]).wait() == 0
    dumped = shell(build, folder, "weir log dump --topic numbers --json")
    assert [json.loads(line)["value"] for line in dumped.stdout.splitlines()] == list(range(10))
    assert shell(build, folder, "weir log verify").returncode == 0
    assert "| `topic` |" in shell(build, folder, "weir plugin describe counter --markdown").stdout
    server = Server(weir, folder)
    server.ask("PUT", "/connectors/NAME/config",
               {"connector.class": "counter", "topic": "more", "limit": "0", "interval.ms": "10"})
    rest = f"--rest 127.0.0.1:{server.port}"
    server.wait_state("NAME", "RUNNING")
    for verb, state in (("pause", "PAUSED"), ("resume", "RUNNING"), ("restart", "RUNNING"),
                        ("stop", "STOPPED")):
        done = shell(build, folder, f"weir {verb} NAME {rest}")
        assert done.returncode == 0, done
        servers.wait_until(lambda: server.state("NAME")[0] == state, state)
    shown = shell(build, folder, f"weir status {rest} --json")
    assert "NAME" in shown.stdout and "STOPPED" in shown.stdout, shown
    assert json.loads(shell(build, folder, f"weir offsets NAME {rest} --json").stdout)


def test_the_metrics_page_is_read_by_prometheus_own_parser(weir, folder):
    server = Server(weir, folder)
    server.ask("PUT", "/connectors/count/config",
               {"connector.class": "counter", "topic": "numbers", "limit": "100"})
    server.wait_state("count", "COMPLETED")
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        page = answer.read().decode()
    families = list(prometheus_client.parser.text_string_to_metric_families(page))
    assert len(families) > 10
    for family in families:
        assert family.documentation and family.type in ("counter", "gauge"), family
        assert family.samples or family.name, family
    names = [family.name for family in families]
    assert len(names) == len(set(names))
