#!/usr/bin/python3
"""check_tree.py - rules about the tree that no compiler knows: layers, banned functions, tests, texts.

Prints each breach as file:line and ends with 1 when there is one.
"""
import glob
import os
import re
import sys

# A folder includes itself and what stands above it.
LAYERS = ["sdk/include", "runtime/base", "schema-registry/avro", "sdk/src", "runtime/wire",
          "runtime/log", "schema-registry/compat", "schema-registry/registry",
          "schema-registry/client", "runtime/broker", "runtime/connect",
          "runtime/pipeline", "runtime/rest", "schema-registry/api", "runtime/cli"]
REST = {"runtime/rest", "schema-registry/api"}  # beside each other, below the command line

BANNED = {"strcpy": "weir_buf_add", "strcat": "weir_buf_add", "sprintf": "snprintf",
          "strtok": "a loop over a weir_str", "atoi": "a checked parser", "strtol": "a checked parser",
          "gets": "getline", "alloca": "weir_buf", "sleep": "a wait with a wake-up",
          "usleep": "a wait with a wake-up", "malloc": "runtime/base/mem.h",
          "realloc": "runtime/base/mem.h", "calloc": "runtime/base/mem.h",
          "rand": "a seed of one's own", "srand": "a seed of one's own",
          "localtime": "localtime_r", "gmtime": "gmtime_r", "ctime": "strftime",
          "asctime": "strftime", "setenv": "a parameter", "putenv": "a parameter",
          "setlocale": "newlocale", "getpwnam": "getpwnam_r", "getpwuid": "getpwuid_r",
          "gethostbyname": "getaddrinfo", "readdir_r": "readdir", "inet_ntoa": "inet_ntop"}
ALLOWED = {("runtime/base/mem.c", "malloc"), ("runtime/base/mem.c", "calloc"),
           ("runtime/base/mem.c", "realloc")}

problems = []
os.chdir(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def layer_of(path):
    folder = "/".join(path.split("/")[:2])
    return folder if folder in LAYERS else None


def check_includes(path, number, line):
    match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
    if not match or (match.group(1) == "<" and not os.path.exists(match.group(2))):
        return
    target = match.group(2)
    target_layer = "sdk/include" if target.startswith("weir/") else layer_of(target)
    if path.startswith("connectors/"):
        if "/" in target and not target.startswith("weir/"):
            problems.append(f"{path}:{number}: a connector includes {target}, which is not the SDK's")
        return
    layer = layer_of(path)
    if target.startswith(("tests/", "connectors/", ".")):
        problems.append(f"{path}:{number}: {target} is not for the product to include")
    if layer is None or target_layer is None:
        return
    below = LAYERS.index(target_layer) > LAYERS.index(layer)
    if target_layer != layer and (below or {layer, target_layer} == REST):
        problems.append(f"{path}:{number}: {layer} includes {target}, a layer below it")


def check_banned(path, number, line):
    code = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    if code.lstrip().startswith(("/*", "*")):
        return
    code = re.sub(r"/\*.*?(\*/|$)", "", code)
    for name, instead in BANNED.items():
        if re.search(rf"(?<![\w.>]){name}\s*\(", code) and (path, name) not in ALLOWED:
            problems.append(f"{path}:{number}: {name} is banned; use {instead}")


def check_file(path, text):
    lines = text.split("\n")
    name = os.path.basename(path)
    if not lines[0].startswith(f"/* {name} - "):
        problems.append(f"{path}:1: does not begin with \"/* {name} - \" and what it is")
    limit = 150 if name.endswith(".h") else 800
    if len(lines) > limit and not path.startswith(("sdk/include/", "runtime/log/log.h")):
        problems.append(f"{path}: {len(lines)} lines; the limit is {limit}")
    for number, line in enumerate(lines, 1):
        check_includes(path, number, line)
        check_banned(path, number, line)


files = sorted(path for top in ("runtime", "sdk", "schema-registry", "connectors")
               for path in glob.glob(f"{top}/**/*.[ch]", recursive=True))
for file in files:
    with open(file, encoding="utf-8") as source:
        check_file(file, source.read())
folders = {"/".join(f.split("/")[:2]) for f in files if f.count("/") >= 2}
for folder in sorted(folders - {"sdk/include", "sdk/template"}):
    if not os.path.exists(f"{folder}/README.md"):
        problems.append(f"{folder}: has no README.md")
    if folder.startswith(("runtime/", "schema-registry/")) and folder not in LAYERS:
        problems.append(f"{folder}: its place among the layers is not in {sys.argv[0]}")
for problem in problems:
    print(problem)
sys.exit(1 if problems else 0)
