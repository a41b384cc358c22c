"""test_plugin_check.py - `weir plugin check` runs a connector and says what breaks its contract."""
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def check(build, folder):
    def run(*arguments):
        return subprocess.run([os.path.join(build, "weir"), "plugin", "check", *arguments],
                              capture_output=True, text=True, timeout=120, cwd=folder)
    return run


@pytest.fixture
def toy(build, folder):
    """Makes a new source from the template, with one text of it replaced."""
    def make(old, new):
        subprocess.run([os.path.join(build, "weir"), "plugin", "new", "toy"], cwd=folder, check=True,
                       capture_output=True)
        path = os.path.join(folder, "toy", "source.c")
        with open(path) as file:
            text = file.read()
        assert old in text
        with open(path, "w") as file:
            file.write(text.replace(old, new))
        made = os.path.join(folder, "toy.so")
        subprocess.run(["cc", "-std=c11", "-fPIC", "-shared", "-D_GNU_SOURCE",
                        f"-I{ROOT}/sdk/include", path, "-o", made], check=True)
        return made
    return make


@pytest.mark.parametrize("old, new, settings, finding", [
    ("    return WEIR_OK;\n}\n\n/* Gives", "    __builtin_abort();\n}\n\n/* Gives", [],
     "it crashed while it ran: Aborted"),
    ("#include <inttypes.h>", "#include <inttypes.h>\n#include <time.h>\n"
     "#define WEIR_END (nanosleep(&(struct timespec){1, 0}, 0), WEIR_END)", [],
     "ms; 300 ms are allowed"),
    ("offset.len > 0 &&", "false &&", ["limit=100000000"],
     "opened again it began at offset {"),
    ('"{\\"next\\":%"', '"next=%"', [], "an offset is no JSON object: next=10}"),
    ("\\\"long\\\"", "\\\"lnog\\\"", [], "open failed: "),
])
def test_what_breaks_the_contract_is_found(check, toy, old, new, settings, finding):
    done = check(toy(old, new), "topic=t", *settings)
    assert done.returncode == 1
    assert finding in done.stdout
    assert "it runs as it should" not in done.stdout


def test_a_connector_that_keeps_it_passes(check, toy):
    done = check(toy("limit", "limit"), "topic=t", "limit=100")
    assert done.returncode == 0, done.stdout
    assert "it runs as it should" in done.stdout


def test_a_wrong_setting_is_named(check, toy):
    done = check(toy("limit", "limit"), "topic=t", "limti=5")
    assert done.returncode == 1
    assert 'setting "limti": is not known' in done.stdout


def test_without_settings_it_is_not_run_and_says_so(check, toy):
    done = check(toy("limit", "limit"))
    assert done.returncode == 0
    assert "not run; with settings behind it, NAME=VALUE, it is" in done.stdout


def test_counter_and_file_pass(check, build, folder):
    connectors = os.path.join(build, "connectors")
    with open(os.path.join(folder, "lines"), "w") as file:
        file.write("a\nb\nc\n")
    for arguments in ([f"{connectors}/counter.so", "topic=t", "limit=1000"],
                      [f"{connectors}/file.so", "file=lines", "topic=t", "follow=false"],
                      ["--sink", f"{connectors}/file.so", "file=out"]):
        done = check(*arguments)
        assert done.returncode == 0, done.stdout
    with open(os.path.join(folder, "out")) as file:
        assert file.readline() == '{"id":0,"text":null}\n'
