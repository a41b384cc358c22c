"""test_install.py - `make install`: what is put where, and that it is enough to write and run a connector."""
import json
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONNECTORS = sorted(name for name in os.listdir(os.path.join(ROOT, "connectors")))
HEADERS = sorted(os.listdir(os.path.join(ROOT, "sdk/include/weir")))


def install(build, **variables):
    subprocess.run(["make", "-s", f"BUILD={os.path.basename(build)}", "install",
                    *(f"{name}={value}" for name, value in variables.items())],
                   cwd=ROOT, check=True, capture_output=True, text=True, timeout=600)


@pytest.fixture
def prefix(build, folder):
    path = os.path.join(folder, "prefix")
    install(build, PREFIX=path)
    return path


def test_a_package_is_filled_below_destdir(build, folder):
    install(build, DESTDIR=folder, PREFIX="/opt/weir")
    top = os.path.join(folder, "opt/weir")
    assert os.listdir(folder) == ["opt"]
    assert {where: sorted(os.listdir(os.path.join(top, where))) for where in (
        "bin", "lib/weir/connectors", "include/weir", "lib/pkgconfig")} == {
            "bin": ["weir", "weir-kit"],
            "lib/weir/connectors": [f"{name}.so" for name in CONNECTORS],
            "include/weir": HEADERS, "lib/pkgconfig": ["weir-sdk.pc"]}
    with open(os.path.join(top, "lib/pkgconfig/weir-sdk.pc")) as file:
        assert file.readline() == "prefix=/opt/weir\n"
    assert os.access(os.path.join(top, "bin/weir"), os.X_OK)


def test_the_installed_program_finds_its_plugins_and_runs_a_pipeline(prefix, folder):
    weir = os.path.join(prefix, "bin/weir")
    listed = subprocess.run([weir, "plugin", "list", "--json"], capture_output=True, text=True,
                            check=True, cwd="/")
    assert sorted({p["class"] for p in json.loads(listed.stdout)}) == CONNECTORS
    done = subprocess.run([weir, "run", os.path.join(ROOT, "configs/counter-to-file.yaml"), "--set",
                           "try.source:limit=1000"], cwd=folder, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done
    with open(os.path.join(folder, "numbers.txt")) as file:
        assert [int(line) for line in file] == list(range(1000))


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_a_plugin_is_built_against_what_is_installed(prefix, folder, kind):
    """As docs/guide/plugins.md says: weir plugin new, make, weir plugin check; nothing of the source tree."""
    env = {**os.environ, "PATH": f"{prefix}/bin:{os.environ['PATH']}",
           "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    name = f"my-{kind}"

    def run(*command, cwd=folder):
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done
        return done.stdout

    assert run("pkg-config", "--cflags", "weir-sdk").split() == [f"-I{prefix}/include"]
    run("weir", "plugin", "new", name, *(["--sink"] if kind == "sink" else []))
    made = os.path.join(folder, name)
    run("make", cwd=made)
    assert "is good" in run("weir", "plugin", "check", f"./{name}.so", cwd=made)
    run("cp", f"{made}/{name}.so", f"{prefix}/lib/weir/connectors/")
    assert name in {p["class"] for p in json.loads(run("weir", "plugin", "list", "--json"))}


CPP = """
#include <weir/weir.h>

static weir_code poll_it(weir_task *task, void *, weir_batch *batch, int, weir_error *err)
{
    if (!weir_record_begin(batch, weir_cstr("lines")))
        return WEIR_OK;
    weir_record_value(batch, weir_task_schema(task, weir_cstr("\\"long\\""), err));
    weir_put_long(batch, 7);
    return weir_record_end(batch, err) == WEIR_OK ? WEIR_END : err->code;
}

extern "C" WEIR_API const weir_plugin *weir_plugin_entry()
{
    static weir_source source;
    static weir_plugin plugin;

    plugin.abi = WEIR_ABI;
    plugin.plugin_size = sizeof(plugin);
    plugin.source_size = sizeof(weir_source);
    plugin.sink_size = sizeof(weir_sink);
    plugin.field_size = sizeof(weir_field);
    plugin.record_size = sizeof(weir_record);
    plugin.source = &source;
    source.name = "in-cpp";
    source.version = "1";
    source.summary = "A source in C++.";
    source.poll = poll_it;
    return &plugin;
}
"""


def test_a_plugin_may_be_written_in_cpp(prefix, folder):
    made, weir = os.path.join(folder, "in-cpp.cpp"), os.path.join(prefix, "bin/weir")
    library = os.path.join(prefix, "lib/weir/connectors/in-cpp.so")
    with open(made, "w") as file:
        file.write(CPP)
    subprocess.run(["clang++-14", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
                    "-nostdlib++", f"-I{prefix}/include", made, "-o", library], check=True, timeout=120)
    listed = subprocess.run([weir, "plugin", "list", "--json"], capture_output=True, text=True,
                            check=True, cwd="/")
    assert "in-cpp" in {p["class"] for p in json.loads(listed.stdout)}
