"""servers.py - throw-away servers for tests, demo and benchmarks.

Every server has a folder of its own under the system's temporary folder, listens on 127.0.0.1 on a port
that was free, and is gone after stop(). Servers that refuse to run as root run as nobody when the caller
is root.
"""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

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


class Postgres:
    """A PostgreSQL cluster with logical replication; superuser "postgres" without a password."""

    def __init__(self, settings=None, hba=None):
        self.folder = temporary_folder("weir-pg-")
        self.data = os.path.join(self.folder, "data")
        self.port = free_port()
        self.process = None
        self.log = open(os.path.join(self.folder, "log"), "ab")
        os.mkdir(self.data, 0o700)
        give_away(self.data)
        give_away(self.folder)
        subprocess.run(
            unprivileged([f"{POSTGRES_BIN}/initdb", "-D", self.data, "-A", "trust", "-U", "postgres",
                          "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]),
            check=True, stdout=subprocess.DEVNULL, cwd="/")
        all_settings = {
            "listen_addresses": "127.0.0.1", "port": self.port,
            "unix_socket_directories": self.folder, "wal_level": "logical",
            "max_wal_senders": 20, "max_replication_slots": 20, "max_wal_size": "4GB",
        }
        all_settings.update(settings or {})
        with open(os.path.join(self.data, "postgresql.conf"), "a") as conf:
            for name, value in all_settings.items():
                conf.write(f"{name} = '{value}'\n")
        if hba is not None:
            with open(os.path.join(self.data, "pg_hba.conf"), "w") as file:
                file.write(hba)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            unprivileged([f"{POSTGRES_BIN}/postgres", "-D", self.data]),
            stdout=self.log, stderr=self.log, cwd="/", start_new_session=True)
        wait_until(self._is_ready, "PostgreSQL to start", 60)

    def _is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at start; see {self.log.name}")
        return subprocess.run([f"{POSTGRES_BIN}/pg_isready", "-q", "-h", "127.0.0.1", "-p",
                               str(self.port)]).returncode == 0

    def kill(self):
        """kill -9 of the whole server; start() recovers it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # fast shutdown
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
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f'create database "{name}"')
        return self.dsn(name)

    def psql(self, sql, database="postgres"):
        return subprocess.run(
            [f"{POSTGRES_BIN}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
             self.dsn(database), "-c", sql], check=True, capture_output=True, text=True).stdout
