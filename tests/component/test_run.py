"""test_run.py - `weir run`: pipelines from files, what it prints, how it ends."""
import json
import os
import pty
import re
import select
import signal

import servers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def pipeline(folder, limit, extra="", sink_extra=""):
    return write(folder, "p.yaml", f"""name: try
source: {{connector: counter, config: {{topic: numbers, limit: {limit}, {extra}}}}}
sinks:
  - name: copy
    connector: file
    topics: ["num*"]
    config: {{file: {folder}/out.txt{sink_extra}}}
""")


def numbers(folder):
    try:
        with open(os.path.join(folder, "out.txt")) as file:
            return [int(line) for line in file.read().splitlines()]
    except FileNotFoundError:
        return []


def test_it_ends_when_the_source_has_ended_and_the_sink_is_flushed(weir, folder):
    run = weir(["run", pipeline(folder, 250000)])
    assert run.wait() == 0, run.output
    assert numbers(folder) == list(range(250000))
    assert os.path.isdir(os.path.join(folder, "weir-data"))
    assert re.search(r"^try\.source  COMPLETED  250,000 read", run.output, re.M), run.output
    assert re.search(r"^try\.copy  \S+  250,000 written.*lag 0$", run.output, re.M), run.output


def test_a_second_run_writes_nothing_twice(weir, folder):
    path = pipeline(folder, 1000)
    assert weir(["run", path]).wait() == 0
    assert weir(["run", path]).wait() == 0
    assert numbers(folder) == list(range(1000))


def test_a_signal_ends_it_cleanly_and_the_next_run_goes_on(weir, folder):
    path = pipeline(folder, 0, "interval.ms: 1, batch.size: 100")
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        before = len(numbers(folder))
        run = weir(["run", path])
        servers.wait_until(lambda: len(numbers(folder)) > before + 1000, "more numbers")
        run.process.send_signal(signal_number)
        assert run.wait() == 0, run.output
    written = numbers(folder)
    assert written == list(range(len(written)))  # flushed and committed: not one line twice


def test_settings_are_changed_on_the_command_line(weir, folder):
    run = weir(["run", pipeline(folder, 0), "--set", "try.source:limit=10"])
    assert run.wait() == 0, run.output
    assert numbers(folder) == list(range(10))


def test_what_is_wrong_is_told_with_its_line_and_code_1(weir, folder):
    run = weir(["run", write(folder, "bad.yaml", "name: x\nsource: {connector: countre}\n")])
    assert run.wait() == 1
    assert 'bad.yaml:2: x.source: there is no source "countre"' in run.output
    assert 'did you mean "counter"?' in run.output


def test_a_sink_that_is_taken_out_of_the_file_is_stopped(weir, folder):
    assert weir(["run", pipeline(folder, 100)]).wait() == 0
    alone = write(folder, "alone.yaml",
                  "name: try\nsource: {connector: counter, config: {topic: numbers, limit: 200}}\n")
    run = weir(["run", alone])
    assert run.wait() == 0, run.output
    assert "is deployed here but in none of the files; stopped" in run.output
    assert numbers(folder) == list(range(100))


def unmatched(weir, folder, topics, *flags):
    return weir(["run", *flags, write(folder, "u.yaml", f"""name: try
source: {{connector: counter, config: {{topic: numbers, limit: 10}}}}
sinks:
  - {{name: copy, connector: file, topics: ["{topics}"], config: {{file: {folder}/out.txt}}}}
""")])


def test_a_sink_whose_topic_never_came_to_be_is_an_error(weir, folder):
    run = unmatched(weir, folder, "nubmers")
    assert run.wait() == 1
    assert ('weir run: sink try.copy has read nothing: there is no topic "nubmers"; '
            "there are: numbers") in run.output


def test_a_pattern_that_matches_no_topic_is_a_warning(weir, folder):
    run = unmatched(weir, folder, "nub*")
    assert run.wait() == 0
    assert re.search(r'level=warn msg="no topic matches the pattern of topics .*nub.*; there are: '
                     r'numbers" connector=try.copy', run.output), run.output


def test_progress_is_json_when_asked_for(weir, folder):
    run = weir(["run", "--json", "--log-format", "json", pipeline(folder, 250000)])
    assert run.wait() == 0, run.output
    lines = [json.loads(line) for line in run.output.splitlines()]
    shown = [line for line in lines if "records" in line]
    assert {"connector", "type", "state", "phase", "done", "total", "records"} <= set(shown[0])
    last = {line["connector"]: line for line in shown}
    assert (last["try.source"]["state"], last["try.source"]["records"]) == ("COMPLETED", 250000)
    assert (last["try.copy"]["type"], last["try.copy"]["lag"]) == ("sink", 0)


def test_json_values_and_a_route_go_through(weir, folder):
    path = write(folder, "r.yaml", f"""name: r
value.converter: json
value.converter.schemas.enable: false
source:
  connector: file
  config: {{file: {folder}/in.txt, topic: in.lines, follow: false}}
sinks:
  - name: copy
    connector: file
    topics: ["in.*"]
    transforms: [{{route: {{regex: "in\\\\.(.*)", replacement: "out_$1"}}}}]
    config: {{file: {folder}/out.txt, format: record}}
""")
    write(folder, "in.txt", "eins\nzwei\ndrei")
    run = weir(["run", path])
    assert run.wait() == 0, run.output
    with open(os.path.join(folder, "out.txt")) as file:
        lines = [json.loads(line) for line in file]
    assert [line["topic"] for line in lines] == ["out_lines"] * 3
    assert [line["value"].strip('"') for line in lines] == ["eins", "zwei", "drei"]


def test_a_terminal_is_drawn_over(build, folder):
    path = pipeline(folder, 0, "interval.ms: 1, batch.size: 1000")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execv(os.path.join(build, "weir"), ["weir", "run", path])
    text = b""
    stopped = False
    while True:
        if not select.select([terminal], [], [], 30)[0]:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(text[-2000:])
        try:
            text += os.read(terminal, 65536)
        except OSError:
            break
        if not stopped and text.count(b"\x1b[2A") >= 3:
            os.kill(pid, signal.SIGINT)
            stopped = True
    assert os.waitpid(pid, 0)[1] == 0, text[-2000:]
    assert re.search(rb"try\.source  \S+  [\d,]+ read  [\d,]+/s", text), text[-2000:]
    assert re.search(rb"try\.copy    \S+  [\d,]+ written  [\d,]+/s  lag [\d,]+", text), text[-2000:]


def test_the_example_without_servers_runs(weir, folder):
    run = weir(["run", os.path.join(ROOT, "configs/counter-to-file.yaml"),
                "--set", "try.source:limit=5000"])
    assert run.wait() == 0, run.output
    with open(os.path.join(folder, "numbers.txt")) as file:
        assert len(file.readlines()) == 5000
