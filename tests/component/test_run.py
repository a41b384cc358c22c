"""test_run.py - `weir run`: pipelines from files, what it prints, how it ends."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import termios

import pytest
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


def test_a_setting_of_no_connector_is_refused(weir, folder):
    run = weir(["run", pipeline(folder, 10), "--set", "try.cpoy:file=x"])
    assert run.wait() == 1
    assert ('--set try.cpoy:file: there is no connector "try.cpoy"; did you mean "try.copy"?'
            in run.output)
    assert not os.path.exists(os.path.join(folder, "weir-data"))


def test_a_wrong_file_leaves_no_directory_behind(weir, folder):
    assert weir(["run", os.path.join(folder, "nowhere.yaml")]).wait() == 1
    assert weir(["run", write(folder, "bad.yaml", "name: x\nsource: {}\n")]).wait() == 1
    assert not os.path.exists(os.path.join(folder, "weir-data"))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_of_the_log_takes_the_place_of_a_standard_one(build, folder, closed):
    """Diagnostics are written to descriptor 2, whatever file that is."""
    weir = os.path.join(build, "weir")
    done = subprocess.run(["bash", "-c", f'exec {weir} run "$0" --log-level debug {closed}',
                           pipeline(folder, 50000)], cwd=folder, timeout=60)
    assert done.returncode == 0
    assert numbers(folder) == list(range(50000))
    verified = subprocess.run([weir, "log", "verify"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert verified.returncode == 0, verified
    for top, _, files in os.walk(os.path.join(folder, "weir-data")):
        for name in files:
            with open(os.path.join(top, name), "rb") as file:
                assert b"level=" not in file.read(), name


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


def test_a_source_that_has_nothing_is_no_error(weir, folder):
    write(folder, "empty.txt", "")
    run = weir(["run", write(folder, "e.yaml", f"""name: try
source: {{connector: file, config: {{file: {folder}/empty.txt, topic: lines, follow: false}}}}
sinks: [{{name: copy, connector: file, topics: [lines], config: {{file: {folder}/out.txt}}}}]
""")])
    assert run.wait() == 0, run.output
    assert 'no topic matches topics \\"lines\\"; there are: none yet' in run.output


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


class Terminal:
    """The program on a terminal; what it has written there is in .text."""

    def __init__(self, build, folder, arguments, columns=100, kind="xterm"):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            termios.tcsetwinsize(0, (24, columns))
            os.chdir(folder)
            os.environ["TERM"] = kind
            os.execv(os.path.join(build, "weir"), ["weir", *arguments])
        self.text = b""

    def read_until(self, condition):
        """To the end when it never comes to be true."""
        while not condition():
            if not select.select([self.terminal], [], [], 30)[0]:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(self.text[-2000:])
            try:
                self.text += os.read(self.terminal, 65536)
            except OSError:
                return

    def stop(self):
        os.kill(self.pid, signal.SIGINT)
        self.read_until(lambda: False)
        assert os.waitpid(self.pid, 0)[1] == 0, self.text[-2000:]


def test_a_terminal_is_drawn_over(build, folder):
    shown = Terminal(build, folder, ["run", pipeline(folder, 0, "interval.ms: 1, batch.size: 1000")])
    shown.read_until(lambda: shown.text.count(b"\x1b[2A") >= 3)
    shown.stop()
    text = shown.text
    assert re.search(rb"try\.source  \S+  [\d,]+ read  [\d,]+/s", text), text[-2000:]
    assert re.search(rb"try\.copy    \S+  [\d,]+ written  [\d,]+/s  lag [\d,]+", text), text[-2000:]


def test_a_terminal_that_becomes_narrow_gets_narrow_lines(build, folder):
    shown = Terminal(build, folder, ["run", pipeline(folder, 0, "interval.ms: 1, batch.size: 1000")])
    shown.read_until(lambda: shown.text.count(b"\x1b[2A") >= 2)
    begin = len(shown.text)
    termios.tcsetwinsize(shown.terminal, (24, 30))
    shown.read_until(lambda: shown.text[begin:].count(b"\x1b[2A") >= 6)
    shown.stop()
    last = shown.text[begin:].split(b"\x1b[2A")[-2]
    lines = re.sub(rb"\x1b\[[0-9]*[A-Z]|\r", b"", last).splitlines()
    assert lines and all(len(line) < 30 for line in lines), lines


def test_a_diagnostic_on_the_terminal_is_not_drawn_over(build, folder):
    """A sink that cannot open its file warns; the block that follows begins below."""
    path = pipeline(folder, 0, "interval.ms: 1, batch.size: 1000", "/no")
    shown = Terminal(build, folder, ["run", path, "--set", "try.copy:errors.restart.delay.max.ms=500"])
    shown.read_until(lambda: len(re.findall(rb"level=(warn|error)", shown.text)) >= 3)
    shown.stop()
    assert not re.findall(rb"level=[^\n]*\n(\x1b\[\d+A)", shown.text), shown.text[-2000:]


def test_a_dumb_terminal_gets_plain_lines(build, folder):
    shown = Terminal(build, folder, ["run", pipeline(folder, 100)], kind="dumb")
    shown.read_until(lambda: False)
    assert os.waitpid(shown.pid, 0)[1] == 0
    assert b"\x1b" not in shown.text and b"try.copy  RUNNING  100 written  lag 0" in re.sub(
        rb"  [\d,]+/s", b"", shown.text), shown.text


def test_the_example_without_servers_runs(weir, folder):
    run = weir(["run", os.path.join(ROOT, "configs/counter-to-file.yaml"),
                "--set", "try.source:limit=5000"])
    assert run.wait() == 0, run.output
    with open(os.path.join(folder, "numbers.txt")) as file:
        assert len(file.readlines()) == 5000
