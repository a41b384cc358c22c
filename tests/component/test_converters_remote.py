"""test_converters_remote.py - a schema registry far away: its tokens, its certificates, and the days when it is not there."""
import http.client
import http.server
import os
import subprocess
import threading

import pytest
import servers
from certificates import Authority
from registries import Registry
from test_converters import USERS
from test_rest import Server, read_lines

VALUE = "value.converter."


class Front:
    """A real server in front of a registry. deny(handler) may answer instead of it: (status, headers, body)."""

    def __init__(self, port, deny):
        front = self
        self.deny, self.asked = deny, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                front.asked.append(f"{self.command} {self.path}")
                status, headers, text = front.deny(self) or front.forward(port, self, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = serve

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @staticmethod
    def forward(port, handler, body):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(handler.command, handler.path, body,
                               {"Content-Type": handler.headers["Content-Type"] or "application/json"})
            answer = connection.getresponse()
            return answer.status, {"Content-Type": answer.getheader("Content-Type")}, answer.read()
        finally:
            connection.close()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def registry(weir, folder):
    return Registry(weir, folder)


@pytest.fixture
def front(registry):
    """A function that makes a front of the registry."""
    fronts = []

    def start(deny):
        fronts.append(Front(registry.port, deny))
        return fronts[-1]

    yield start
    for one in fronts:
        one.stop()


@pytest.fixture
def server(weir, folder):
    return Server(weir, folder)


def counter(url, topic="numbers", **more):
    return {"connector.class": "counter", "topic": topic, "limit": "100",
            "value.converter": "io.confluent.connect.avro.AvroConverter",
            VALUE + "schema.registry.url": url, "errors.restart.delay.ms": "20",
            "errors.restart.delay.max.ms": "100", **more}


def sink(folder, url, topic="numbers", **more):
    return {**counter(url, **more), "connector.class": "file", "topics": topic, "topic": "unused",
            "format": "record", "file": os.path.join(folder, "out.txt")}


def deploy(server, name, config):
    if config["connector.class"] == "file":
        config = {key: value for key, value in config.items() if key not in ("topic", "limit")}
    status, answer = server.ask("PUT", f"/connectors/{name}/config", config)
    assert status in (200, 201), answer


def failure(server, name):
    task = server.ask("GET", f"/connectors/{name}/status")[1]["tasks"][0]
    return task.get("last_error") or task.get("trace") or ""


def wait_failure(server, name, *words):
    servers.wait_until(lambda: all(word in failure(server, name) for word in words),
                       f"{name} to fail with {words}, it has {failure(server, name)}")


def values(folder):
    return [line["value"] for line in read_lines(folder)]


# --- Which version ------------------------------------------------------------------------------

LATEST = {VALUE + "auto.register.schemas": "false", VALUE + "use.latest.version": "true"}


def test_use_latest_version_takes_it_when_the_bytes_are_the_same_and_registers_nothing(
        server, registry, front):
    seen = front(lambda handler: None)
    registry.register("numbers-value", '"long"')
    latest = registry.register("numbers-value", '{"type":"long","note":"another text"}')
    deploy(server, "count", counter(seen.url, **LATEST))
    server.wait_state("count", "COMPLETED")
    assert registry.get("/subjects/numbers-value/versions") == [1, 2]
    assert seen.asked == ["GET /subjects/numbers-value/versions/latest"]  # of 100 records
    assert registry.get("/subjects/numbers-value/versions/latest")["id"] == latest == 2


def test_use_latest_version_refuses_other_bytes_unless_it_is_told_not_to_look(server, registry):
    registry.register("numbers-value", '"string"')
    deploy(server, "count", counter(registry.url, **LATEST))
    server.wait_state("count", "FAILED")
    assert 'the latest version of subject "numbers-value" is written in another way' in \
        failure(server, "count")
    deploy(server, "count", counter(registry.url, **LATEST,
                                    **{VALUE + "latest.compatibility.strict": "false"}))
    server.wait_state("count", "COMPLETED")
    deploy(server, "none", counter(registry.url, "empty", **LATEST))
    server.wait_state("none", "FAILED")
    assert "40401" in failure(server, "none")


# --- Who asks, and whom -------------------------------------------------------------------------

def test_a_bearers_token_goes_with_each_request_and_a_wrong_one_is_said(server, registry, front, folder):
    def deny(handler):
        if handler.headers["Authorization"] == "Bearer open-sesame":
            return None
        return 401, {"Content-Type": "application/json"}, b'{"error_code":401,"message":"who are you"}'

    guarded = front(deny)
    bearer = {VALUE + "bearer.auth.credentials.source": "STATIC_TOKEN",
              VALUE + "bearer.auth.token": "open-sesame"}
    deploy(server, "count", counter(guarded.url, **bearer))
    deploy(server, "copy", sink(folder, guarded.url, **bearer))
    servers.wait_until(lambda: values(folder) == list(range(100)), "the records")
    assert server.ask("GET", "/connectors/count/config")[1][VALUE + "bearer.auth.token"] == "***"
    deploy(server, "wrong", counter(guarded.url, **{**bearer, VALUE + "bearer.auth.token": "x"}))
    wait_failure(server, "wrong", "answered 401: who are you; check the credentials")
    deploy(server, "nobody", counter(guarded.url, **{
        VALUE + "bearer.auth.credentials.source": "STATIC_TOKEN"}))
    wait_failure(server, "nobody", "bearer.auth.token is not set")


def test_https_trusts_who_the_truststore_names_and_nobody_else(server, weir, build, folder):
    authority, other = Authority(folder), Authority(folder, "other")
    certificate, key = authority.sign("registry", "IP:127.0.0.1")
    with open(certificate, "a") as chain, open(authority.file) as file:
        chain.write(file.read())  # registries.Registry trusts what the file ends with
    registry = Registry(weir, folder, "--tls-certificate", certificate, "--tls-key", key)
    trust = VALUE + "schema.registry.ssl.truststore.location"
    deploy(server, "count", counter(registry.url, **{trust: authority.file}))
    deploy(server, "copy", sink(folder, registry.url, **{trust: authority.file}))
    servers.wait_until(lambda: values(folder) == list(range(100)), "the records")
    deploy(server, "wrong", counter(registry.url, **{trust: other.file}))
    wait_failure(server, "wrong", registry.url, "certificate")
    deploy(server, "system", counter(registry.url))
    wait_failure(server, "system", registry.url, "certificate")
    deploy(server, "plain", counter(registry.url.replace("https:", "http:")))
    wait_failure(server, "plain", "schema registry")


def test_somebody_who_may_only_read_is_told_to_check_the_credentials(server, weir, build, folder):
    done = subprocess.run([os.path.join(build, "weir"), "registry", "--hash-password"],
                          input="secret\n", text=True, capture_output=True, check=True)
    path = os.path.join(folder, "users.yaml")
    with open(path, "w") as file:
        file.write(USERS.format(hash=done.stdout.strip()).replace("admin", "read"))
    port = servers.free_port()
    weir(["registry", "--listen", f"127.0.0.1:{port}", "--data", os.path.join(folder, "guarded"),
          "--users", path])
    deploy(server, "count", counter(f"http://127.0.0.1:{port}", **{
        VALUE + "basic.auth.credentials.source": "USER_INFO",
        VALUE + "basic.auth.user.info": "weir:secret"}))
    wait_failure(server, "count", "answered 403", "check the credentials")


def test_what_is_no_registry_is_said_and_makes_nothing_wait(server, registry, front):
    """A 404 of somebody else must not be taken for a schema that is not compatible."""
    moved = front(lambda handler: (302, {"Location": registry.url + handler.path}, b""))
    deploy(server, "moved", counter(moved.url))
    wait_failure(server, "moved", "answered 302 and refers to " + registry.url)
    deploy(server, "path", counter(registry.url + "/not/here"))
    wait_failure(server, "path", "answered 404", "check schema.registry.url")
    for name in ("moved", "path"):
        assert "held" not in server.ask("GET", f"/connectors/{name}/status")[1]["tasks"][0]
    assert registry.get("/subjects") == []


# --- When it is not there -----------------------------------------------------------------------

def test_a_registry_that_is_killed_loses_nothing_and_all_goes_on_when_it_is_back(
        server, registry, folder):
    registry.run.kill()
    deploy(server, "copy", sink(folder, registry.url))
    deploy(server, "count", counter(registry.url, limit="0", **{
        "interval.ms": "5", "batch.size": "10"}))
    wait_failure(server, "count", "no schema registry answers at " + registry.url, "refused")
    registry.start()
    servers.wait_until(lambda: len(values(folder)) > 100, "numbers, once the registry is there")

    registry.run.kill()  # -9; who knows its ids goes on, who begins again waits
    server.ask("POST", "/connectors/count/restart?includeTasks=true")
    server.ask("POST", "/connectors/copy/restart?includeTasks=true")
    wait_failure(server, "count", "no schema registry answers at")
    restarts = server.ask("GET", "/connectors/count/status")[1]["tasks"][0]["restarts"]
    before = len(values(folder))
    servers.wait_until(lambda: server.ask("GET", "/connectors/count/status")[1]["tasks"][0]
                       ["restarts"] > restarts + 1, "it to be tried again and again")
    registry.start()
    servers.wait_until(lambda: len(values(folder)) > before + 100, "more numbers")
    server.ask("PUT", "/connectors/count/stop")
    got = values(folder)
    assert got == list(range(len(got)))


def test_of_several_registries_the_first_that_can_answer_is_asked(server, registry, front, folder):
    broken = front(lambda handler: (500, {"Content-Type": "application/json"},
                                    b'{"error_code":50001,"message":"broken"}'))
    urls = f"http://127.0.0.1:{servers.free_port()},{broken.url},{registry.url}"
    deploy(server, "count", counter(urls))
    deploy(server, "copy", sink(folder, urls))
    servers.wait_until(lambda: values(folder) == list(range(100)), "the records")
    assert broken.asked

    alone = front(lambda handler: (500, {}, b"<html>"))
    deploy(server, "alone", counter(alone.url, "others"))
    wait_failure(server, "alone", f"the schema registry at {alone.url} answered 500")
    alone.deny = lambda handler: None
    server.wait_state("alone", "COMPLETED")
