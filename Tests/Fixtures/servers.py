"""What the servers for tests share: a directory to write to, faults that are asked for, and HTTP/1.1."""
import argparse
import pathlib
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("directory", type=pathlib.Path)
parser.add_argument("--fault", action="append", default=[])
options = argparse.Namespace()  # what a server's own parsing fills
random.seed(1)
lock = threading.RLock()
seen = set()  # what has gone wrong once already


def once(fault, about=""):
    """Whether a fault that is asked for has still to happen."""
    with lock:
        if fault not in options.fault or (fault, about) in seen:
            return False
        seen.add((fault, about))
        return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, *words):
        """A line for the tests about a request."""
        with lock, open(options.directory / "requests", "a") as log:
            log.write(" ".join(words) + "\n")

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def drop(self):
        """Breaks off in the middle of what is sent."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
        self.hang_up()

    def hang_up(self):
        self.close_connection = True
        self.connection.close()


def serve(kind):
    """The address of a new server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever).start()
    return f"http://127.0.0.1:{server.server_port}"


def announce(address):
    """Says that all is ready, and where."""
    (options.directory / "new").write_text(address)
    (options.directory / "new").rename(options.directory / "endpoint")
