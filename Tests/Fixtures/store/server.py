#!/usr/bin/env python3
"""A small object store on this machine, for tests: objects, signatures that are checked, and what can go wrong.

    server.py DIR [--region REGION] [--session TOKEN] [--fault NAME …]

Writes the store's address to DIR/endpoint, a line for each request to DIR/requests, and objects to DIR/objects/BUCKET/KEY; there
is one bucket, "models". After Amazon S3's REST API and "Signature Version 4 signing process".
"""
import base64
import hashlib
import hmac
import json
import pathlib
import random
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from servers import Handler, announce, lock, once, options, parser, serve

KEY, SECRET = "AKIATEST", "store-kept-secret"

parser.add_argument("--region", default="us-east-1")
parser.add_argument("--session", default="")
parser.parse_args(namespace=options)


def hash_of(content):
    return hashlib.sha256(content).hexdigest()


def garbled(text):
    wrong = ["", "\x00", "<", "<Message>", "<Code>NoSuchBucket", "null", "0", "-1", "../x", "\xff", "x" * 9000]
    return random.choice(wrong + [text[: random.randrange(len(text) + 1)]])


class Store(Handler):
    def answer(self, status, content=b"", size=None, **headers):
        if "garble" in options.fault and random.random() < 0.3:
            headers = {name: garbled(value) for name, value in headers.items()}
            content = garbled(content.decode(errors="replace")).encode(errors="replace")
            status, size = random.choice([status, 200, 301, 404, 412]), None
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value.replace("\n", " "))
        self.send_header("Content-Length", str(len(content) if size is None else size))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status, code, words, **headers):
        content = f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{words}</Message></Error>'
        self.answer(status, content.encode(), **headers)

    def is_signed(self, url):
        """Whether the signature is the one that the secret gives, over every header of the store's own."""
        fields = dict(part.strip().split("=", 1) for part in self.headers["Authorization"].split(" ", 1)[1].split(","))
        names = fields["SignedHeaders"].split(";")
        own = [name.lower() for name in self.headers if name.lower().startswith("x-amz-")]
        if not set(own + ["host"]) <= set(names) or names != sorted(names):
            return False
        canonical = "\n".join(
            [self.command, url.path, url.query] + [f"{name}:{self.headers[name].strip()}" for name in names]
            + ["", ";".join(names), self.headers["x-amz-content-sha256"]])
        scope = fields["Credential"].removeprefix(KEY + "/")
        day, region, service, end = scope.split("/")
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hash_of(canonical.encode())])
        key = ("AWS4" + SECRET).encode()
        for part in (day, region, service, end, text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex() == fields["Signature"] and service == "s3" and self.headers["x-amz-date"].startswith(day)

    def is_welcome(self, url):
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=" + KEY + "/"):
            return self.refuse(403, "InvalidAccessKeyId", "The key does not exist in our records.")
        if not self.is_signed(url):
            return self.refuse(403, "SignatureDoesNotMatch", "The signature does not match.")
        if self.headers.get("x-amz-security-token", "") != options.session:
            return self.refuse(400, "InvalidToken", "The provided token is malformed.")
        region = self.headers["Authorization"].split("/")[2]
        if region != options.region and "region-in-body" in options.fault:
            return self.refuse(400, "AuthorizationHeaderMalformed", f"Wrong.</Message><Region>{options.region}</Region><Message>")
        if region != options.region:
            return self.refuse(301, "PermanentRedirect", "Ask another endpoint.", x_amz_bucket_region=options.region)
        return True

    def handle_any(self):
        self.note(self.command, self.path)
        if self.command == "PUT" and once("dropped"):
            return self.drop()
        body = self.body()
        url = urllib.parse.urlsplit(self.path)
        if not self.is_welcome(url):
            return None
        if once("unwell"):
            return self.refuse(503, "SlowDown", "Reduce your request rate.")
        if self.command == "PUT" and once("slow"):
            return self.refuse(400, "RequestTimeout", "Your socket connection to the server was not read from in time.")
        if self.command == "PUT" and once("conflict"):
            return self.refuse(409, "ConditionalRequestConflict", "Conflicting requests.")
        if "expired" in options.fault:
            return self.refuse(400, "ExpiredToken", "The provided token has expired.")
        if "unconditional" in options.fault and "If-None-Match" in self.headers:
            return self.refuse(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
        if "denied" in options.fault and self.command == "PUT" and not self.path.endswith("/config.json"):
            return self.refuse(403, "AccessDenied", "Access Denied")
        bucket, _, key = urllib.parse.unquote(url.path[1:]).partition("/")
        if bucket != "models":
            return self.refuse(404, "NoSuchBucket", "The specified bucket does not exist")
        with lock:
            return self.handle_object(options.directory / "objects" / bucket / key, body)

    do_GET = do_HEAD = do_PUT = do_DELETE = handle_any

    def handle_object(self, at, body):
        facts = at.with_name(at.name + ".facts")
        if self.command == "PUT":
            if hash_of(body) != self.headers["x-amz-content-sha256"]:
                return self.refuse(400, "XAmzContentSHA256Mismatch", "The provided hash does not match.")
            checksum = self.headers["x-amz-checksum-sha256"]
            if checksum != base64.b64encode(hashlib.sha256(body).digest()).decode():
                return self.refuse(400, "BadDigest", "The checksum does not match.")
            if once("rival-" + at.name):
                at.parent.mkdir(parents=True, exist_ok=True)
                at.write_bytes(b"{}")
                facts.write_text("{}")
            if at.exists() and self.headers["If-None-Match"] == "*":
                return self.refuse(412, "PreconditionFailed", "At least one of the pre-conditions did not hold")
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(body)
            kept = {"x-amz-checksum-sha256": checksum, "x-amz-meta-sha256": self.headers["x-amz-meta-sha256"]}
            if "forgets-checksums" in options.fault:
                del kept["x-amz-checksum-sha256"]
            facts.write_text(json.dumps(kept))
            if at.name == "artifact.json" and once("lost-answer"):
                return self.hang_up()
            return self.answer(200)
        if self.command == "DELETE":
            at.unlink(missing_ok=True)
            return self.answer(204)
        if not at.exists():
            return self.refuse(404, "NoSuchKey", "The specified key does not exist.")
        kept = json.loads(facts.read_text())
        if self.headers["x-amz-checksum-mode"] != "ENABLED":
            kept.pop("x-amz-checksum-sha256", None)
        return self.answer(200, at.read_bytes() if self.command == "GET" else b"", at.stat().st_size, **kept)


(options.directory / "objects/models").mkdir(parents=True)
announce(serve(Store))
