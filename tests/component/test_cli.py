"""test_cli.py - the command line without a worker: usage, plugins, validation."""
import json
import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def cli(build, folder):
    def run(*arguments, env=None):
        return subprocess.run([os.path.join(build, "weir"), *arguments], capture_output=True,
                              text=True, timeout=60, cwd=folder,
                              env={**os.environ, **(env or {})})
    return run


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def test_usage_is_exit_code_2(cli):
    for arguments in ([], ["frobnicate"], ["pause"], ["validate"], ["run"], ["server"],
                      ["status", "--frobnicate"], ["plugin"], ["offsets", "a", "b"],
                      ["run", "--set", "x", "f.yaml"]):
        done = cli(*arguments)
        assert done.returncode == 2, (arguments, done)
        assert done.stderr and not done.stdout, (arguments, done)


def test_help_is_on_standard_output(cli):
    for arguments in (["--help"], ["run", "--help"], ["plugin", "--help"]):
        done = cli(*arguments)
        assert done.returncode == 0
        assert "sage" in done.stdout


def test_version_is_printed_as_text_and_as_json(cli):
    text = cli("version").stdout.split()
    assert text[0] == "weir"
    assert json.loads(cli("version", "--json").stdout) == {"version": text[1]}
    assert cli("--version").stdout.split() == text


def test_an_output_that_cannot_be_written_is_told(build):
    for arguments in (["plugin", "list"], ["plugin", "describe", "counter"], ["--help"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([os.path.join(build, "weir"), *arguments], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1, arguments
        assert done.stderr == "weir: the output cannot be written: No space left on device\n"
    closed = subprocess.run(["bash", "-c", f"{build}/weir version >&-"], capture_output=True, text=True, timeout=60)
    assert closed.returncode == 1 and "cannot be written: Bad file descriptor" in closed.stderr


def test_no_worker_at_the_address_is_told(cli):
    done = cli("status", "--rest", "127.0.0.1:1")
    assert done.returncode == 1
    assert "no worker answers at 127.0.0.1:1: Connection refused" in done.stderr


def test_plugins_are_listed(cli):
    listed = json.loads(cli("plugin", "list", "--json").stdout)
    assert {"class": "counter", "type": "source"}.items() <= [
        p for p in listed if p["class"] == "counter"][0].items()
    assert [p["type"] for p in listed if p["class"] == "file"] == ["source", "sink"]
    assert "counter" in cli("plugin", "list").stdout


def test_a_connector_is_described_by_its_table(cli):
    described = json.loads(cli("plugin", "describe", "counter", "--json").stdout)
    assert {s["name"]: s["required"] for s in described["settings"]}["topic"] is True
    assert "| `topic` |" in cli("plugin", "describe", "counter", "--markdown").stdout


def test_what_is_compiled_in_is_described_by_its_table(cli):
    described = cli("plugin", "describe", "common", "converter", "unwrap", "--markdown").stdout
    for setting in ("tasks.max", "key.converter.schema.registry.url", "delete.tombstone.handling.mode"):
        assert f"| `{setting}` |" in described, setting
    route = json.loads(cli("plugin", "describe", "route", "--json").stdout)
    assert {s["name"]: s["required"] for s in route["settings"]}["regex"] is True


def test_an_unknown_connector_is_told_with_the_nearest_name(cli):
    done = cli("plugin", "describe", "countr")
    assert done.returncode == 1
    assert 'did you mean "counter"?' in done.stderr


def test_all_connectors_of_this_repository_pass_the_check(cli, build):
    folder = os.path.join(build, "connectors")
    files = sorted(f for f in os.listdir(folder) if f.endswith(".so"))
    assert files
    for file in files:
        done = cli("plugin", "check", os.path.join(folder, file))
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_a_new_plugin_builds_and_passes_the_check(cli, folder, kind):
    flags = ["--sink"] if kind == "sink" else []
    assert cli("plugin", "new", "toy", *flags).returncode == 0
    made = os.path.join(folder, "toy")
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
                    "-D_GNU_SOURCE", f"-I{ROOT}/sdk/include", f"{kind}.c", "-o", "toy.so"],
                   cwd=made, check=True)
    done = cli("plugin", "check", os.path.join(made, "toy.so"))
    assert done.returncode == 0, done.stdout
    assert f'{kind} "toy" 0.1.0 is good' in done.stdout
    again = cli("plugin", "new", "toy")
    assert again.returncode == 1 and "File exists" in again.stderr


def test_what_is_no_plugin_is_refused(cli, folder):
    path = write(folder, "x.so", "this is text")
    done = cli("plugin", "check", path)
    assert done.returncode == 1
    assert f"{path}: cannot be loaded" in done.stdout


def test_validation_names_file_line_and_the_nearest_key(cli, folder):
    path = write(folder, "bad.yaml", """name: p
source:
  connector: counter
  config:
    topik: numbers
    limit: many
sinks:
  - name: copy
    connector: fiel
    topics: [numbers]
    conifg: {file: x}
""")
    done = cli("validate", path)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith(f"{path}:5: ") and 'did you mean "topic"?' in line
               for line in lines), lines
    assert any(line.startswith(f"{path}:6: ") and 'setting "limit": "many" is not a whole' in line
               for line in lines), lines
    assert any(line.startswith(f"{path}:9: ") and 'did you mean "file"?' in line
               for line in lines), lines
    assert any(line.startswith(f"{path}:11: ") and 'did you mean "config"?' in line
               for line in lines), lines


def test_settings_of_transforms_and_predicates_are_named_with_their_line(cli, folder):
    path = write(folder, "bad.yaml", """name: p
source: {connector: counter, config: {topic: numbers}}
sinks:
  - name: copy
    connector: file
    topics: [numbers]
    transforms:
      - route:
          regexp: a
          replacement: b
      - rout: {regex: a, replacement: b}
      - unwrap:
          add.feilds: op
          predicate: late
    config:
      file: x
      predicates: early
      predicates.early.type: topic-name-matches
      predicates.late.type: record-is-tombstone
      transforms.rute.regex: c
""")
    done = cli("validate", path)
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()) == sorted(f"{path}:{line}" for line in (
        '9: p.copy: setting "transforms.route.regexp" is not known; did you mean "regex"?',
        '8: p.copy: setting "transforms.route.regex" is missing; it has no default',
        '11: p.copy: setting "transforms.rout.type": "rout" is no transform; there are unwrap '
        '(io.debezium.transforms.ExtractNewRecordState) and route '
        '(org.apache.kafka.connect.transforms.RegexRouter)',
        '13: p.copy: setting "transforms.unwrap.add.feilds" is not known; did you mean "add.fields"?',
        '14: p.copy: setting "transforms.unwrap.predicate" is "late", which predicates does not name',
        '19: p.copy: setting "predicates.late.type" is of none of those that "predicates" names',
        '20: p.copy: setting "transforms.rute.regex" is of none of those that "transforms" names'))


def test_a_good_file_is_good(cli, folder):
    path = write(folder, "good.yaml", """name: p
source: {connector: counter, config: {topic: numbers}}
sinks: [{name: copy, connector: file, topics: [numbers], config: {file: x}}]
""")
    done = cli("validate", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(cli("validate", "--json", path).stdout) == {
        "pipelines": 1, "connectors": 2, "problems": []}


def test_every_example_is_valid(cli):
    examples = sorted(os.listdir(os.path.join(ROOT, "configs")))
    assert examples
    for example in examples:
        if not example.endswith(".yaml"):
            continue
        done = cli("validate", os.path.join(ROOT, "configs", example),
                   env={"PGPASSWORD": "x", "DWH_PASSWORD": "x"})
        assert done.returncode == 0, done.stdout


def test_plugins_are_found_in_lib_below_the_prefix(build, folder):
    """As after `make install`: bin/weir and lib/weir/connectors."""
    os.makedirs(os.path.join(folder, "bin"))
    os.makedirs(os.path.join(folder, "lib/weir/connectors"))
    shutil.copy(os.path.join(build, "weir"), os.path.join(folder, "bin"))
    shutil.copy(os.path.join(build, "connectors/counter.so"),
                os.path.join(folder, "lib/weir/connectors"))
    done = subprocess.run([os.path.join(folder, "bin/weir"), "plugin", "list", "--json"],
                          capture_output=True, text=True, check=True)
    assert [p["class"] for p in json.loads(done.stdout)] == ["counter"]


def test_json_has_the_names_of_its_reference(cli, folder):
    write(folder, "p.yaml", """name: try
source: {connector: counter, config: {topic: numbers, limit: 10}}
sinks: [{name: copy, connector: file, topics: [numbers], config: {file: out.txt}}]
""")
    assert cli("run", "p.yaml").returncode == 0
    with open(os.path.join(ROOT, "docs/reference/json.md")) as file:
        rows = {command: set(re.findall(r"`(\w+)`", text)) for command, text in
                re.findall(r"^\| `weir (.+?)` \| (.+) \|$", file.read(), re.M)}
    for command, arguments in (("log verify --json", ()),
                               ("log dump --topic T --json", ("--topic", "numbers"))):
        done = cli(*command.split()[:2], "--json", *arguments)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines and all(set(line) == rows[command] for line in lines), (command, lines[:1])
    done = cli("validate", "--json", "p.yaml")
    assert json.loads(done.stdout) == {"pipelines": 1, "connectors": 2, "problems": []}
