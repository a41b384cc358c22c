"""test_bad_input.py - what a worker says to what cannot work: the thing and the remedy, and nothing is lost.

What connectors are told by their servers is in their own tests: test_postgres_cdc.py, test_warehouse.py,
test_elasticsearch.py.
"""
import glob
import json
import os
import shutil
import subprocess

import pytest

import servers
from test_rest import COUNTER, Server, file_sink, read_lines

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

def pipeline(folder, limit=1000, sink="", source=""):
    path = os.path.join(folder, "p.yaml")
    with open(path, "w") as file:
        file.write(f"""name: try
source: {{connector: counter, config: {{topic: numbers, limit: {limit}{source}}}}}
sinks: [{{name: copy, connector: file, topics: [numbers], config: {{file: {folder}/out.txt{sink}}}}}]
""")
    return path


def written(folder):
    with open(os.path.join(folder, "out.txt")) as file:
        return [int(line) for line in file]


def refused(run, *texts):
    """One message, exit code 1, no crash."""
    assert run.wait() == 1, run.output
    for text in texts:
        assert text in run.output, run.output


# --- Plugins and settings ---------------------------------------------------------------------------

def test_an_unknown_plugin_is_named_with_what_there_is(weir, folder):
    server = Server(weir, folder)
    status, error = server.ask("POST", "/connectors", {"name": "x", "config": {
        "connector.class": "countr"}})
    assert status == 400
    assert 'there is no connector "countr"' in error["message"]
    assert "counter" in error["message"]
    assert server.ask("GET", "/connectors") == (200, [])


@pytest.fixture
def bad_plugins(build, folder):
    """A folder of plugins: the repository's, and three that cannot be loaded."""
    path = os.path.join(folder, "plugins")
    shutil.copytree(os.path.join(build, "connectors"), path,
                    ignore=lambda _, names: [n for n in names if not n.endswith(".so")])

    def compile(name, text, *flags):
        source = os.path.join(folder, f"{name}.c")
        with open(source, "w") as file:
            file.write(text)
        subprocess.run(["cc", "-std=c11", "-fPIC", "-shared", "-D_GNU_SOURCE", *flags,
                        f"-I{ROOT}/sdk/include", source, "-o", os.path.join(path, f"{name}.so")],
                       check=True)

    with open(os.path.join(ROOT, "connectors/counter/counter_source.c")) as file:
        counter = file.read()
    headers = os.path.join(folder, "headers/weir")
    shutil.copytree(os.path.join(ROOT, "sdk/include/weir"), headers)
    with open(os.path.join(headers, "plugin.h")) as file:
        text = file.read()
    with open(os.path.join(headers, "plugin.h"), "w") as file:
        file.write(text.replace("#define WEIR_ABI 1", "#define WEIR_ABI 99"))
    compile("newer", counter.replace('"counter"', '"newer"'), f"-I{folder}/headers")
    compile("symbol", "void missing_function(void);\nvoid *weir_plugin_entry(void);\n"
            "void *weir_plugin_entry(void) { missing_function(); return 0; }\n")
    compile("nothing", "int unrelated;\n")
    return path


@pytest.mark.parametrize("name, reason", [
    ("newer", "was built for ABI 99, this weir has ABI 1: build it with the headers of this version"),
    ("symbol", "cannot be loaded: undefined symbol: missing_function"),
    ("nothing", "is no plugin: it has no function weir_plugin_entry")])
def test_a_plugin_that_does_not_fit_is_refused_and_the_worker_goes_on(
        weir, folder, bad_plugins, name, reason):
    file = os.path.join(bad_plugins, f"{name}.so")
    refused(weir(["plugin", "check", file]), f"{file}: {reason}")
    server = Server(weir, folder, "--plugins", bad_plugins)
    status, error = server.ask("PUT", "/connectors/x/config", {"connector.class": name})
    assert status == 400 and f"{file}: {reason}" in error["message"], error
    assert server.ask("PUT", "/connectors/count/config", COUNTER)[0] == 201
    server.wait_state("count", "COMPLETED")


@pytest.mark.parametrize("config, message", [
    ("limit: 10", 'setting "topic" is missing; it has no default'),
    ("topic: n, limit: many", 'setting "limit": "many" is not a whole number'),
    ("topic: n, limit: -5", 'setting "limit": -5 is not between 0 and'),
    ("topic: n, limmit: 5", 'did you mean "limit"?')])
def test_a_missing_or_mistyped_setting_is_named_with_its_line(weir, folder, config, message):
    path = os.path.join(folder, "p.yaml")
    with open(path, "w") as file:
        file.write(f"name: try\nsource:\n  {{connector: counter, config: {{{config}}}}}\n")
    refused(weir(["run", path]), "p.yaml:3: try.source: ", message)


# --- Directories and ports --------------------------------------------------------------------------

def test_a_port_in_use_is_told_before_anything_is_written(weir, folder):
    server = Server(weir, folder)
    second = weir(["server", "--data", f"{folder}/other", "--rest", f"127.0.0.1:{server.port}"])
    refused(second, f"port {server.port} is in use by another process", "--rest HOST:PORT",
            "--rest none")
    assert not os.path.exists(f"{folder}/other")
    assert server.ask("GET", "/readyz")[0] == 200


def test_a_second_worker_on_a_directory_is_refused_and_the_first_goes_on(weir, folder):
    server = Server(weir, folder)
    refused(weir(["run", pipeline(folder), "--data", f"{folder}/data"]), f"{folder}/data",
            "another process")
    refused(weir(["log", "verify", "--data", f"{folder}/data"]), f"{folder}/data")
    assert server.ask("PUT", "/connectors/count/config", COUNTER)[0] == 201
    server.wait_state("count", "COMPLETED")


def test_a_directory_that_may_not_be_written_is_named(build, folder):
    """Root may write everywhere: so it is somebody else who tries, with a program that he may read."""
    for part in ("weir", "connectors"):
        path = os.path.join(build, part)
        (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, os.path.join(folder, part))
    data = os.path.join(folder, "data")
    os.mkdir(data, 0o555)
    done = subprocess.run(servers.unprivileged([os.path.join(folder, "weir"), "server", "--data", data,
                                                "--rest", "none", "--registry", "none"]),
                          capture_output=True, text=True, timeout=60, cwd="/")
    assert done.returncode == 1, done
    assert data in done.stderr and "Permission denied" in done.stderr, done
    assert os.listdir(data) == []


def test_a_directory_of_a_newer_format_is_refused_and_left_alone(weir, folder):
    path = pipeline(folder)
    assert weir(["run", path]).wait() == 0
    name = os.path.join(folder, "weir-data/format")
    with open(name) as file:
        text = file.read()
    with open(name, "w") as file:
        file.write(text.replace("weir log 1", "weir log 99", 1))

    def contents():
        return {file: open(file, "rb").read() for file in sorted(
            glob.glob(f"{folder}/weir-data/**", recursive=True)) if os.path.isfile(file)}

    before = contents()
    refused(weir(["run", path]), "weir-data", "99", "newer")
    assert contents() == before
    with open(name, "w") as file:
        file.write(text)
    assert weir(["run", path]).wait() == 0
    assert written(folder) == list(range(1000))


def test_a_corrupted_segment_fails_the_sink_with_file_and_offset(weir, folder):
    path = pipeline(folder)
    assert weir(["run", path]).wait() == 0
    assert weir(["log", "verify"]).wait() == 0  # all is in the segments now
    segment, = glob.glob(f"{folder}/weir-data/topics/numbers-*/0/*.log")
    with open(segment, "r+b") as file:
        file.seek(300)
        byte = file.read(1)
        file.seek(300)
        file.write(bytes([byte[0] ^ 1]))
    verify = weir(["log", "verify"])
    refused(verify, os.path.basename(segment))
    server = Server(weir, folder, "--data", f"{folder}/weir-data")
    server.ask("PUT", "/connectors/again/config", file_sink(folder, "again.txt"))
    server.wait_state("again", "FAILED")
    trace = server.ask("GET", "/connectors/again/status")[1]["tasks"][0]["trace"]
    assert "numbers" in trace and "offset" in trace, trace
    assert server.ask("GET", "/connectors/again/offsets")[1] == {"offsets": []}  # it never jumps
    assert read_lines(folder, "again.txt") == []


@pytest.fixture
def full_disk(folder):
    """(environment, the file that makes the disk full while it is there)"""
    library, flag = os.path.join(folder, "full_disk.so"), os.path.join(folder, "full")
    subprocess.run(["cc", "-std=c11", "-shared", "-fPIC", "-D_GNU_SOURCE",
                    f"{ROOT}/tests/component/full_disk.c", "-o", library, "-ldl"], check=True)
    options = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": library, "WEIR_TEST_FULL": flag,
            "ASAN_OPTIONS": options + ":verify_asan_link_order=0"}, flag


def test_a_full_disk_holds_the_source_back_until_there_is_room(weir, folder, full_disk):
    env, flag = full_disk
    run = weir(["run", pipeline(folder, 0, source=", interval.ms: 1, batch.size: 100")], env)
    servers.wait_until(lambda: os.path.exists(f"{folder}/out.txt") and len(written(folder)) > 1000,
                       "some numbers")
    open(flag, "w").close()
    servers.wait_until(lambda: "the log has no room: appends wait" in run.output, "the disk to be full")
    servers.wait_until(lambda: "no checkpoint could be made" in run.output, "a checkpoint to fail")
    assert run.process.poll() is None, run.output
    assert run.output.count("No space left on device") < 10, run.output[:4000]
    before = len(written(folder))
    os.unlink(flag)
    servers.wait_until(lambda: len(written(folder)) > before + 5000, "more numbers", 60)
    assert run.stop() == 0, run.output
    assert written(folder) == list(range(len(written(folder))))


def test_a_start_on_a_full_disk_is_refused_and_the_next_one_goes_on(weir, folder, full_disk):
    env, flag = full_disk
    open(flag, "w").close()
    refused(weir(["run", pipeline(folder)], env), "No space left on device", "weir-data")
    os.unlink(flag)
    again = weir(["run", pipeline(folder)], env)
    assert again.wait() == 0, again.output
    assert written(folder) == list(range(1000))


def test_messages_in_json_are_one_object_a_line(weir, folder):
    run = weir(["server", "--data", "/proc/none", "--rest", "none", "--log-format", "json"])
    assert run.wait() == 1
    for line in run.output.splitlines():
        assert line.startswith("weir server: ") or json.loads(line), line
