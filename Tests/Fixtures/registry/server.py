#!/usr/bin/env python3
"""A small container registry on this machine, for tests: pushes of blobs and manifests, logins, and what can go wrong.

    server.py DIR [--login none|basic|bearer] [--fault NAME …]

Writes the registry's address to DIR/endpoint, a line for each request to DIR/requests, contents to DIR/blobs/SHA256, and what
tags hold to DIR/manifests/REPOSITORY/TAG. Tokens come from another origin, and with the fault "elsewhere" blobs go to one.
After the OCI Distribution specification 1.1 and the Distribution project's token authentication.
"""
import base64
import hashlib
import json
import pathlib
import random
import re
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from servers import Handler, announce, lock, once, options, parser, serve

USER = base64.b64encode(b"me:kept-secret").decode()
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

parser.add_argument("--login", default="none", choices=["none", "basic", "bearer"])
parser.parse_args(namespace=options)
tokens, sessions = set(), set()


def garbled(text):
    wrong = ["", "\x00", "http://example.org/", "../x", "\xff", "ftp://x/", "//", "Bearer", "Bearer realm=", "null", "x" * 9000]
    return random.choice(wrong + [text[: random.randrange(len(text) + 1)]])


class Server(Handler):
    def answer(self, status, content=b"", **headers):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        if "garble" in options.fault and random.random() < 0.3:
            headers = {name: garbled(value) for name, value in headers.items()}
            content = garbled(content.decode()).encode()
            status = random.choice([status, 200, 202, 401, 404])
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status, code, words, **headers):
        self.answer(status, {"errors": [{"code": code, "message": words}]}, **headers)

    def handle_any(self):
        scheme = self.headers.get("Authorization", "-").split(" ")[0]
        self.note(self.place, self.command, self.path.split("?")[0], scheme)
        url = urllib.parse.urlsplit(self.path)
        self.handle_path(url.path, dict(urllib.parse.parse_qsl(url.query)))

    do_GET = do_HEAD = do_POST = do_PUT = handle_any


class Tokens(Server):
    """Where tokens are to be had."""

    place = "tokens"

    def handle_path(self, path, query):
        if self.headers.get("Authorization") != "Basic " + USER:
            return self.refuse(401, "UNAUTHORIZED", "who are you?")
        if query.get("service") != "test" or query.get("scope") != "repository:team/tuned:pull,push":
            return self.refuse(400, "UNSUPPORTED", f"what is {query}?")
        token = f"token-{len(tokens)}-kept-secret"
        tokens.add(token)
        self.answer(200, {"token": token})


class Registry(Server):
    place = "registry"

    def is_allowed(self):
        if options.login == "none":
            return True
        shown = self.headers.get("Authorization", "")
        if options.login == "basic":
            if shown == "Basic " + USER:
                return True
            self.refuse(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate='Basic realm="here"')
            return False
        if shown.removeprefix("Bearer ") in tokens and not (self.command == "PUT" and once("expired")):
            return True
        tokens.clear()
        challenge = f'Bearer realm="{tokens_at}/token",service="test",scope="repository:team/tuned:pull"'  # as for a look
        self.refuse(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)
        return False

    def handle_path(self, path, query):
        if self.command == "PUT" and once("dropped"):
            sessions.clear()
            return self.drop()
        body = self.body()
        if self.place == "registry" and not self.is_allowed():
            return None
        if once("unwell"):
            return self.refuse(503, "UNAVAILABLE", "come back later")
        if "denied" in options.fault and self.command != "GET":
            return self.refuse(403, "DENIED", "requested access to the resource is denied", X_Signature="kept-secret")
        with lock:
            return self.handle_known(path, query, body)

    def handle_known(self, path, query, body):
        if match := re.fullmatch(r"/v2/(.+)/blobs/sha256:([0-9a-f]{64})", path):
            blob = options.directory / "blobs" / match[2]
            return self.answer(200 if blob.exists() else 404)
        if match := re.fullmatch(r"/v2/(.+)/blobs/uploads/", path):
            session = f"{match[1]}/{random.randrange(1 << 60)}"
            sessions.add(session)
            origin = store_at if "elsewhere" in options.fault else ""
            return self.answer(202, Location=f"{origin}/upload/{session}?_state=kept-secret")
        if match := re.fullmatch(r"/upload/(.+)", path):
            digest = hashlib.sha256(body).hexdigest()
            if match[1] not in sessions:
                return self.refuse(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
            if self.headers.get("Content-Type") != "application/octet-stream" or query.get("digest") != "sha256:" + digest:
                return self.refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
            sessions.discard(match[1])
            (options.directory / "blobs" / digest).write_bytes(body)
            return self.answer(201, Location="/somewhere")
        if match := re.fullmatch(r"/v2/(.+)/manifests/(.+)", path):
            return self.handle_manifest(options.directory / "manifests" / match[1] / match[2], body)
        return self.refuse(404, "NAME_UNKNOWN", "repository name not known to registry")

    def handle_manifest(self, at, body):
        if self.command == "GET":
            if not at.exists() or MANIFEST not in self.headers.get("Accept", ""):
                return self.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
            return self.answer(200, at.read_bytes())
        manifest = json.loads(body)
        for blob in manifest["layers"] + [manifest["config"]]:
            path = options.directory / "blobs" / blob["digest"].removeprefix("sha256:")
            if not path.exists() or path.stat().st_size != blob["size"]:
                return self.refuse(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
        if self.headers.get("Content-Type") != manifest["mediaType"]:
            return self.refuse(400, "MANIFEST_INVALID", "manifest invalid")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(body)
        return self.answer(201)


class Store(Registry):
    """Where blobs go that do not go to the registry."""

    place = "store"


(options.directory / "blobs").mkdir()
tokens_at, store_at = serve(Tokens), serve(Store)
announce(serve(Registry))
