#!/usr/bin/env python3
"""A small Hugging Face Hub on this machine, for tests: repositories with commits, LFS, downloads, and what can go wrong.

    server.py DIR [--seed ORG/NAME=DIRECTORY …] [--fault NAME …]

Writes the Hub's address to DIR/endpoint, a line for each request to DIR/requests, and the files of a repository's branches to
DIR/repositories/ORG/NAME/BRANCH. Large files are kept at another origin, as the Hub's are, which signs its addresses. After
the requests that `huggingface_hub` 2.4 makes with HF_HUB_DISABLE_XET=1, which can use this server too.
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

TOKEN = "hf_test_token"
SIGNATURE = "X-Signature=kept-secret"
PART = 1 << 16  # of a multipart upload

parser.add_argument("--seed", action="append", default=[])
parser.parse_args(namespace=options)
repositories = {}  # id: {branch: {path: content}}
objects = {}  # sha256: content
parts = {}  # (sha256, number): content


def is_large(path, size):
    return size > 0 and (path.endswith((".safetensors", ".bin")) or size > 10 << 20)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def git_name(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def commit_of(files):
    return hashlib.sha1(json.dumps(sorted((p, sha256(c)) for p, c in files.items())).encode()).hexdigest()


def garbled(content):
    """A JSON text with something wrong in it."""
    spots = [match.span() for match in re.finditer(rb'"[^"]*"|\d+|true|false|null', content)]
    start, end = random.choice(spots or [(0, len(content))])
    wrong = [b"null", b"-1", b"9007199254740993", b"1e400", b'"../x"', b'"\\ud800"', b"[]", b"{}", b"[" * 5000, b"\xff", b"", b'"http://example.org/"']
    return random.choice([content[:start] + random.choice(wrong) + content[end:], content[:start]])


def revision(branches, name):
    """The files of a branch or a commit; None when there is none."""
    name = urllib.parse.unquote(name)
    if name in branches:
        return branches[name]
    return next((files for files in branches.values() if commit_of(files) == name), None)


class Server(Handler):
    def answer(self, status, content=b"", headers=()):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
            if "garble" in options.fault and random.random() < 0.4:
                content = garbled(content)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status, code, words):
        self.answer(status, {"error": words}, [("X-Error-Code", code), ("X-Error-Message", words)])

    def handle_any(self):
        token = "token" if "Authorization" in self.headers else "-"
        self.note(self.place, self.command, self.path.split("?")[0], token, self.headers.get("Range", "-"))
        with lock:
            self.handle_path(urllib.parse.urlsplit(self.path).path.strip("/").split("/"))

    do_GET = do_HEAD = do_POST = do_PUT = handle_any


class Store(Server):
    """Where large files lie."""

    place = "store"

    def handle_path(self, path):
        content = self.body()
        if SIGNATURE not in self.path:
            return self.answer(403, b"not signed")
        if self.command == "PUT":
            if once("busy", self.path):
                return self.answer(503)
            if len(path) == 2:
                parts[path[0], int(path[1])] = content
            elif sha256(content) == path[0]:
                objects[path[0]] = content
            else:
                return self.answer(400, b"another hash")
            return self.answer(200, headers=[("ETag", f'"{sha256(content)[:8]}"')])
        self.give(objects[path[0]])

    def give(self, content):
        if "damaged" in options.fault:
            content = bytes([content[0] ^ 1]) + content[1:]
        if "longer" in options.fault:
            content += b"!"
        start, status, headers = 0, 200, []
        wanted = self.headers.get("Range")
        if wanted and "no-range" not in options.fault:
            start, status = int(wanted.split("=")[1].rstrip("-")), 206
            headers = [("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")]
        if once("drop") or "always-drop" in options.fault:
            rest = content[start:]
            self.send_response(status)
            self.send_header("Content-Length", str(len(rest)))
            for header in headers:
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(rest[: len(rest) // 2])
            self.close_connection = True
            return
        self.answer(status, content[start:], headers)


class Hub(Server):
    place = "hub"

    @property
    def may_write(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def handle_path(self, path):
        content = self.body()
        if "unwell" in options.fault or once("unwell-once"):
            return self.answer(503, b"<html>")
        if "renamed" in options.fault and "/me/old" in self.path:
            repositories.setdefault("me/new", {"main": {}})
            return self.answer(307, b"", [("Location", self.path.replace("/me/old", "/me/new"))])
        if path[:2] == ["api", "repos"]:
            return self.create(json.loads(content))
        if path[:2] == ["api", "validate-yaml"]:
            bad = "bad-card" in options.fault
            return self.answer(400, {"errors": [{"message": '"base_model" is a path'}], "warnings": []}) if bad else self.answer(200, {})
        if path[:2] == ["api", "models"]:
            return self.api("/".join(path[2:4]), path[4:], content)
        if path[2:3] == ["resolve"]:
            return self.resolve("/".join(path[:2]), path[3], urllib.parse.unquote("/".join(path[4:])))
        if path[-1] == "batch":
            return self.batch(json.loads(content))
        if path[0] in ("complete", "verify"):
            return self.complete(path[0], json.loads(content))
        self.answer(404, {"error": "Not Found"})

    def create(self, wish):
        if not self.may_write:
            return self.answer(401, {"error": "Invalid credentials in Authorization header"})
        name = f"{wish['organization']}/{wish['name']}"
        if name in repositories:
            return self.answer(409, {"error": "You already created this model repo", "url": self.url(name)})
        repositories[name] = {"main": {}}
        self.answer(200, {"url": self.url(name)})

    def url(self, path):
        return f"http://{self.headers['Host']}/{path}"

    def api(self, name, rest, content):
        if "gated" in options.fault:
            return self.refuse(403, "GatedRepo", f"Access to model {name} is restricted")
        branches = repositories.get(name)
        if branches is None:
            return self.refuse(401 if not self.may_write else 404, "RepoNotFound", "Repository not found")
        if not rest:
            return self.answer(200, {"id": name, "sha": commit_of(branches["main"]), "siblings": []})
        if rest[0] == "branch":
            if rest[1] in branches:
                return self.answer(409, {"error": "exists"})
            branches[rest[1]] = dict(branches["main"])
            return self.answer(200, {})
        files = revision(branches, rest[1])
        if files is None:
            return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {rest[1]}")
        if rest[0] == "revision":
            siblings = [{"rfilename": path} for path in sorted(files)]
            return self.answer(200, {"id": name, "sha": commit_of(files), "siblings": siblings})
        if rest[0] == "tree":
            return self.tree(files)
        if not self.may_write:
            return self.answer(401, {"error": "Invalid credentials in Authorization header"})
        if rest[0] == "preupload":
            ignored = "ignore" in options.fault
            modes = [
                {"path": f["path"], "uploadMode": "lfs" if is_large(f["path"], f["size"]) else "regular", "shouldIgnore": ignored}
                for f in json.loads(content)["files"]
            ]
            return self.answer(200, {"files": modes})
        if rest[0] == "commit":
            return self.commit(name, branches, rest[1], content)
        self.answer(404, {"error": "Not Found"})

    def tree(self, files):
        entries = []
        for path, content in sorted(files.items()):
            entry = {"type": "file", "path": path, "size": len(content), "oid": git_name(content)}
            if is_large(path, len(content)):
                entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        if "outside" in options.fault:
            entries[0]["path"] = "../outside"
        # A page has two entries.
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        start = int(query.get("cursor", ["0"])[0])
        headers = []
        if start + 2 < len(entries):
            headers = [("Link", f'<{self.url(self.path.split("?")[0].strip("/"))}?recursive=true&cursor={start + 2}>; rel="next"')]
        self.answer(200, entries[start : start + 2], headers)

    def batch(self, wish):
        if not self.may_write:
            return self.answer(401, {"message": "Credentials needed"})
        result = []
        for item in wish["objects"]:
            answer = {"oid": item["oid"], "size": item["size"]}
            if "no-room" in options.fault:
                answer["error"] = {"code": 507, "message": "no room left"}
            elif item["oid"] not in objects:
                verify = {"href": self.url("verify"), "header": {}}
                upload = {"href": f"{store_at}/{item['oid']}?{SIGNATURE}", "header": {}}
                if "multipart" in options.fault:
                    count = (item["size"] + PART - 1) // PART
                    header = {f"{n:05}": f"{store_at}/{item['oid']}/{n}?{SIGNATURE}" for n in range(1, count + 1)}
                    upload = {"href": self.url("complete"), "header": {"chunk_size": str(PART), "upload_id": "u1", **header}}
                answer["actions"] = {"upload": upload, "verify": verify}
            result.append(answer)
        self.answer(200, {"transfer": "basic", "objects": result}, [("Content-Type", "application/vnd.git-lfs+json")])

    def complete(self, what, wish):
        if what == "complete":
            content = b"".join(parts.pop((wish["oid"], part["partNumber"])) for part in wish["parts"])
            if sha256(content) != wish["oid"]:
                return self.answer(400, {"message": "another hash"})
            objects[wish["oid"]] = content
        self.answer(200 if wish["oid"] in objects else 404, {})

    def commit(self, name, branches, branch, content):
        if "changed-meanwhile" in options.fault:
            return self.answer(412, {"error": "A commit has happened since"})
        branch = urllib.parse.unquote(branch)
        if "create_pr" in self.path:
            branch = "refs/pr/1"
            branches[branch] = dict(branches["main"])
        files = branches[branch]
        for line in content.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "deletedFile":
                del files[value["path"]]
                (options.directory / "repositories" / name / branch / value["path"]).unlink()
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = objects[value["oid"]]
        for path, data in files.items():
            place = options.directory / "repositories" / name / branch / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        if once("lost-answer"):
            self.close_connection = True
            return
        answer = {"commitUrl": self.url(f"{name}/commit/{commit_of(files)}"), "commitOid": commit_of(files)}
        if branch.startswith("refs/pr"):
            answer["pullRequestUrl"] = self.url(f"{name}/discussions/1")
        self.answer(200, answer)

    def resolve(self, name, rev, path):
        branches = repositories.get(name)
        files = branches and revision(branches, rev)
        if not files or path not in files:
            return self.refuse(404, "EntryNotFound", "Entry not found")
        content = files[path]
        headers = [("X-Repo-Commit", commit_of(files))]
        if not is_large(path, len(content)):
            return self.answer(200, content, headers + [("ETag", f'"{git_name(content)}"'), ("Content-Length", str(len(content)))])
        objects[sha256(content)] = content
        store = f"{store_at}/{sha256(content)}?{SIGNATURE}"
        headers += [("X-Linked-Etag", f'"{sha256(content)}"'), ("X-Linked-Size", str(len(content))), ("Location", store)]
        self.answer(302, b"", headers)


for seed in options.seed:
    name, directory = seed.split("=", 1)
    root = pathlib.Path(directory)
    repositories[name] = {"main": {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}}
store_at = serve(Store)
announce(serve(Hub))
