"""http_front.py - an HTTP server in front of another one: passes requests on, or answers in its stead.

A test says by `answer` what becomes of a request: a function of (method, path, body) that returns None to
pass it on, or (status, bytes) as the answer; it may wait, which holds the answer back. `change` may alter what
the server answered: a function of (method, path, body, status, bytes) that returns (status, bytes). Bodies
are given uncompressed. What passed is in `requests`.
"""
import gzip
import http.client
import http.server
import threading


class Front:
    def __init__(self, port, own_port=0, tls=None):
        """Passes on to 127.0.0.1:port; listens on own_port, else on any that is free; with tls, an
        ssl.SSLContext, by HTTPS."""
        self.answer = lambda method, path, body: None
        self.change = None
        self.headers = []  # of each request
        self.requests = []  # (method, path, body)
        self.lock = threading.Lock()
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one(self):
                front.handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_one

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", own_port), Handler)
        self.server.daemon_threads = True
        self.scheme = "https" if tls else "http"
        if tls:  # the handshake is the business of the connection's own thread
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
            self.server.handle_error = lambda request, address: None  # who does not trust it hangs up
        self.target = port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server.server_port}"

    def handle(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        plain = gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body
        with self.lock:
            self.requests.append((request.command, request.path, plain))
            self.headers.append(dict(request.headers))
        answer = self.answer(request.command, request.path, plain)
        if answer is None:
            answer = self.pass_on(request, plain)
            if self.change:
                answer = self.change(request.command, request.path, plain, *answer)
        status, content = answer
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def pass_on(self, request, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
        connection.request(request.command, request.path, body or None,
                           {"Content-Type": request.headers.get("Content-Type",
                                                                "application/json")})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def paths(self, word):
        """The requests whose path has this word."""
        with self.lock:
            return [one for one in self.requests if word in one[1]]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
