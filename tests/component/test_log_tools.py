"""test_log_tools.py - `weir log verify` and `weir log dump` on what a run left behind."""
import glob
import json
import os
import subprocess

import pytest


@pytest.fixture
def cli(build, folder):
    def run(*arguments):
        return subprocess.run([os.path.join(build, "weir"), *arguments], capture_output=True,
                              text=True, timeout=60, cwd=folder)
    path = os.path.join(folder, "p.yaml")
    with open(path, "w") as file:
        file.write(f"name: try\nsource: {{connector: counter, config: {{topic: n, limit: 5000}}}}\n"
                   f"sinks: [{{name: c, connector: file, topics: [n], "
                   f"config: {{file: {folder}/out.txt}}}}]\n")
    done = run("run", path)
    assert done.returncode == 0, done
    return run


def test_a_topic_is_dumped_decoded_one_object_a_line(cli):
    done = cli("log", "dump", "--topic", "n", "--json")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["value"] for record in records] == list(range(5000))
    assert [record["offset"] for record in records] == list(range(5000))
    assert set(records[0]) == {"topic", "partition", "offset", "timestamp", "headers", "key",
                               "value"}
    assert len(cli("log", "dump", "--topic", "n").stdout.splitlines()) == 5000


def test_schemas_are_kept_in_confluents_format(cli):
    lines = cli("log", "dump", "--topic", "_schemas", "--json").stdout.splitlines()
    record = json.loads(lines[0])
    assert record["key"] == {"keytype": "SCHEMA", "subject": "n-value", "version": 1, "magic": 1}
    assert record["value"]["schema"] == '"long"' and record["value"]["id"] == 1


def test_a_sound_log_is_good(cli):
    done = cli("log", "verify")
    assert done.returncode == 0, done.stdout
    assert "n-0: 5000 records in " in done.stdout
    assert done.stdout.rstrip().endswith(" 0 partitions damaged")
    partitions = [json.loads(line) for line in cli("log", "verify", "--json").stdout.splitlines()]
    assert all(partition["good"] for partition in partitions)


def test_a_flipped_byte_is_found_and_named(cli, folder):
    assert cli("log", "verify").returncode == 0  # makes a checkpoint: all is in the segments
    segment = glob.glob(os.path.join(folder, "weir-data/topics/n-*/0/*.log"))[0]
    with open(segment, "r+b") as file:
        file.seek(200)
        byte = file.read(1)
        file.seek(200)
        file.write(bytes([byte[0] ^ 1]))
    done = cli("log", "verify")
    assert done.returncode == 1
    damaged = next(line for line in done.stdout.splitlines() if line.startswith("n-0: "))
    assert "DAMAGED" in damaged and "is damaged at offset" in damaged, damaged
    assert os.path.basename(segment) in damaged, damaged
    partitions = [json.loads(line) for line in cli("log", "verify", "--json").stdout.splitlines()]
    assert [p["topic"] for p in partitions if not p["good"]] == ["n"]
    assert "is damaged at offset" in next(p["error"] for p in partitions if not p["good"])


def test_what_is_not_there_is_told(cli):
    done = cli("log", "dump", "--topic", "none")
    assert done.returncode == 1 and 'there is no topic "none"' in done.stderr
    done = cli("log", "verify", "--topic", "none")
    assert done.returncode == 1 and 'there is no topic "none"' in done.stderr
    done = cli("log", "verify", "--data", "nowhere")
    assert done.returncode == 1 and "nowhere: there is no log here" in done.stderr
    assert cli("log").returncode == 2
    assert cli("log", "dump").returncode == 2
