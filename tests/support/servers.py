"""servers.py - throw-away servers for tests, demo and benchmarks.

Every server has a folder of its own under the system's temporary folder, listens on 127.0.0.1 on a port
that was free, and is gone after stop(). Servers that refuse to run as root run as nobody when the caller
is root.
"""
import decimal
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

POSTGRES_BIN = "/usr/lib/postgresql/15/bin"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, what, timeout=30.0, interval=0.02):
    """Waits for a condition with a deadline; returns its first true result."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s for {what}")
        time.sleep(interval)


def unprivileged(command):
    """The command as nobody when we are root, as it is otherwise."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] + command


def give_away(path):
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def temporary_folder(prefix):
    folder = tempfile.mkdtemp(prefix=prefix)
    os.chmod(folder, 0o755)
    return folder


def stat_of(pid):
    """(state, parent) of a process, or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return fields[0], int(fields[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def children_of(pid):
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [one for one in pids if (stat_of(one) or ("", 0))[1] == pid]


def is_alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def tail(path):
    with open(path, errors="replace") as file:
        return file.read()[-3000:]


class Postgres:
    """A PostgreSQL cluster with logical replication; superuser "postgres" without a password.

    It does not wait for the disk: it has to survive its processes, not the machine. Where its speed
    matters, settings say fsync = on.
    """

    def __init__(self, settings=None, hba=None):
        self.folder = temporary_folder("weir-pg-")
        self.data = os.path.join(self.folder, "data")
        self.port = free_port()
        self.process = None
        self.log = open(os.path.join(self.folder, "log"), "ab")
        try:
            self._create(settings or {}, hba)
            self.start()
        except BaseException:  # nobody has it yet who could stop it
            self.stop()
            raise

    def _create(self, settings, hba):
        os.mkdir(self.data, 0o700)
        give_away(self.data)
        give_away(self.folder)
        self.process = subprocess.Popen(
            unprivileged([f"{POSTGRES_BIN}/initdb", "-D", self.data, "-A", "trust", "-U", "postgres",
                          "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]),
            stdout=self.log, stderr=self.log, cwd="/", start_new_session=True)
        try:
            code = self.process.wait()
        except BaseException:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        if code != 0:
            raise RuntimeError(f"initdb failed: {tail(self.log.name)}")
        all_settings = {
            "listen_addresses": "127.0.0.1", "port": self.port,
            "unix_socket_directories": self.folder, "wal_level": "logical",
            "max_wal_senders": 20, "max_replication_slots": 20, "max_wal_size": "4GB",
            "fsync": "off",
        }
        all_settings.update(settings)
        with open(os.path.join(self.data, "postgresql.conf"), "a") as conf:
            for name, value in all_settings.items():
                conf.write(f"{name} = '{value}'\n")
        if hba is not None:
            with open(os.path.join(self.data, "pg_hba.conf"), "w") as file:
                file.write(hba)

    def start(self):
        self.process = subprocess.Popen(
            unprivileged([f"{POSTGRES_BIN}/postgres", "-D", self.data]),
            stdout=self.log, stderr=self.log, cwd="/", start_new_session=True)
        wait_until(self._is_ready, "PostgreSQL to start", 60)

    def _is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at start: {tail(self.log.name)}")
        return subprocess.run([f"{POSTGRES_BIN}/pg_isready", "-q", "-h", "127.0.0.1", "-p",
                               str(self.port)]).returncode == 0

    def kill(self):
        """kill -9 of the whole server; start() recovers it."""
        children = children_of(self.process.pid)
        for pid in [self.process.pid] + children:  # each leads a process group of its own
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # a connection that has just ended
                pass
        self.process.wait()
        # A new server refuses to start while one of the old has the shared memory.
        wait_until(lambda: not any(is_alive(pid) for pid in children), "PostgreSQL to be gone")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # at once: its folder goes as well
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, database="postgres"):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def connect(self, database="postgres"):
        import psycopg2
        connection = psycopg2.connect(self.dsn(database))
        connection.autocommit = True
        return connection

    def create_database(self, name):
        self.psql(f'create database "{name}"')  # takes no transaction around it
        return self.dsn(name)

    def psql(self, sql, database="postgres"):
        return subprocess.run(
            [f"{POSTGRES_BIN}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
             self.dsn(database), "-c", sql], check=True, capture_output=True, text=True).stdout

ELASTICSEARCH_HOME = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
    "build", "deps", "elasticsearch")


class Elasticsearch:
    """One Elasticsearch node, as .ci/install built it; no security, no data streams."""

    def __init__(self, settings=None, heap="512m"):
        self.folder, self.heap = temporary_folder("weir-es-"), heap
        self.port = free_port()
        self.settings = settings or {}
        self.process = None
        self.log = open(os.path.join(self.folder, "log"), "ab")
        give_away(self.folder)
        try:
            self.start()
        except BaseException:  # nobody has it yet who could stop it
            self.stop()
            raise

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        home = ELASTICSEARCH_HOME
        settings = {
            "path.data": f"{self.folder}/data", "path.logs": f"{self.folder}/logs",
            "cluster.name": "test", "node.name": "test", "discovery.type": "single-node",
            "http.host": "127.0.0.1", "http.port": self.port, "transport.host": "127.0.0.1",
            "transport.port": free_port(),
            "cluster.routing.allocation.disk.threshold_enabled": "false", **self.settings,
        }
        self.process = subprocess.Popen(
            ["java", f"-Xms{self.heap}", f"-Xmx{self.heap}", "-XX:+UseSerialGC", "-cp",
             f"{home}/lib/*:{home}/main", "SearchServer", f"{home}/home",
             *(f"{name}={value}" for name, value in settings.items())],
            stdout=self.log, stderr=self.log, cwd=self.folder, start_new_session=True)
        wait_until(self._is_ready, f"Elasticsearch to start, see {self.log.name}", 240)

    def _is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"Elasticsearch ended at start: {tail(self.log.name)}")
        try:
            return self.request("GET", "/_cluster/health?wait_for_status=yellow")
        except OSError:
            return None

    def request(self, method, path, body=None, content_type="application/json"):
        """The answer's JSON; an answer of 400 and more raises urllib.error.HTTPError."""
        data = None if body is None else body if isinstance(body, bytes) else body.encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Content-Type", content_type)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text, parse_float=decimal.Decimal) if text else {}

    def documents(self, index):
        """All documents of an index: id to source; numbers with a point are decimal.Decimal."""
        self.request("POST", f"/{index}/_refresh")
        found, after = {}, None
        while True:
            query = {"size": 5000, "sort": ["_doc"],
                     "query": {"match_all": {}}}
            if after is None:
                page = self.request("POST", f"/{index}/_search?scroll=1m", json.dumps(query))
            else:
                page = self.request("POST", "/_search/scroll",
                                    json.dumps({"scroll": "1m", "scroll_id": after}))
            after = page["_scroll_id"]
            if not page["hits"]["hits"]:
                return found
            for hit in page["hits"]["hits"]:
                found[hit["_id"]] = hit["_source"]

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.kill()  # at once: its folder goes as well
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
