"""slow_link.py - a TCP connection to a local port that lets only so many bytes a second come back.

What is too quick to be hit by a crash takes as long as a test asks for; `rate` may change at any time, None is
no limit.
"""
import socket
import threading
import time

CHUNK = 1 << 16


class SlowLink:
    def __init__(self, port, rate=None):
        """Passes on to 127.0.0.1:port."""
        self.target, self.rate = port, rate
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:  # stopped
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:  # as if nobody listened here
                client.close()
                continue
            for one, other, slow in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass_on, args=(one, other, slow), daemon=True).start()

    def _pass_on(self, source, target, slow):
        try:
            while data := source.recv(CHUNK):
                target.sendall(data)
                rate = self.rate
                if slow and rate:
                    time.sleep(len(data) / rate)
        except OSError:  # one end was killed: so is the other's connection
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def stop(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
