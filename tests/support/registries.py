"""registries.py - a schema registry under test, and how to talk to it."""
import base64
import http.client
import json
import os
import ssl
import urllib.parse

import servers

JSON = "application/vnd.schemaregistry.v1+json"


def quoted(subject):
    return urllib.parse.quote(subject, safe="")


def record(*fields, name="Order"):
    """The text of an Avro record; a field is (name, type) or (name, type, default)."""
    return json.dumps({"type": "record", "name": name, "fields": [
        {"name": f[0], "type": f[1], **({"default": f[2]} if len(f) > 2 else {})} for f in fields]})


class Registry:
    """`weir registry` on a free port, over a folder that start() finds again."""

    def __init__(self, weir, folder, *extra, environment=None):
        self.weir, self.folder, self.extra = weir, folder, list(extra)
        self.user, self.tls, self.environment = None, None, environment
        self.port = servers.free_port()
        self.start()

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def start(self):
        self.connection = None
        if "--tls-certificate" in self.extra:
            self.tls = ssl.create_default_context(
                cafile=self.extra[self.extra.index("--tls-certificate") + 1])
        self.run = self.weir(["registry", "--listen", f"127.0.0.1:{self.port}", "--data",
                              os.path.join(self.folder, "registry"), *self.extra], self.environment)
        servers.wait_until(self.is_ready, "the registry to be ready")

    def is_ready(self):
        assert self.run.process.poll() is None, self.run.output
        try:
            return self.send("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def send(self, method, path, body=None, headers=None, connection=None):
        """(status, headers, bytes) over a connection that is kept."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Content-Type": JSON, "Accept": JSON, **(headers or {})}
        if self.user:
            headers["Authorization"] = "Basic " + base64.b64encode(self.user.encode()).decode()
        own = connection is None
        if own:
            connection = self.connection = self.connection or self.connect()
        try:
            connection.request(method, path, body, {k: v for k, v in headers.items() if v is not None})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            if own:
                self.connection = None
            raise

    def ask(self, method, path, body=None, headers=None, connection=None):
        """The status, and the body as JSON."""
        status, _, text = self.send(method, path, body, headers, connection)
        return status, json.loads(text) if text else None

    def get(self, path):
        status, answer = self.ask("GET", path)
        assert status == 200, (path, answer)
        return answer

    def register(self, subject, schema, **more):
        """The id."""
        status, answer = self.ask("POST", f"/subjects/{quoted(subject)}/versions",
                                  {"schema": schema, **more})
        assert status == 200, answer
        return answer["id"]

    def refused(self, expected, method, path, body=None, headers=None):
        """Asserts the error code, (and with it the status), and returns the message."""
        status, answer = self.ask(method, path, body, headers)
        assert set(answer) == {"error_code", "message"}, answer
        assert (status, answer["error_code"]) == (int(str(expected)[:3]), expected), answer
        return answer["message"]
