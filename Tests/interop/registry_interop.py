#!/usr/bin/env python3
"""Pushes an adapter into the Distribution project's registry, and has skopeo and ORAS pull it.

A developer's check: `apt-get install docker-registry skopeo apache2-utils`, `pip install oras`, and a release build.
"""
import filecmp
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

import oras.client

from programs import MODEL, free_port, run

FILES = ["README.md", "adapter_config.json", "adapter_model.safetensors", "artifact.json"]

with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    host = f"127.0.0.1:{free_port()}"
    subprocess.run(["htpasswd", "-Bbc", scratch / "users", "me", "secret"], check=True, capture_output=True)
    (scratch / "registry.yml").write_text(json.dumps({
        "version": 0.1, "log": {"level": "error"}, "http": {"addr": host},
        "storage": {"filesystem": {"rootdirectory": str(scratch / "storage")}},
        "auth": {"htpasswd": {"realm": "test", "path": str(scratch / "users")}},
    }))
    server = subprocess.Popen(["docker-registry", "serve", scratch / "registry.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        run("import-base", "--base-model", MODEL, "--output", scratch / "base")
        run("init-adapter", "--base", scratch / "base", "--rank", 4, "--output", scratch / "start")
        source = ["--artifact", scratch / "start", "--base", scratch / "base"]
        run("push-artifact", *source, "--to", f"dir:{scratch / 'adapter'}", "--output", scratch / "local")
        to = ["--to", f"oci://{host}/team/adapter:v1", "--output"]
        os.environ |= {"HOME": str(scratch), "REGISTRY_AUTH_FILE": str(scratch / "auth.json")}
        (scratch / "auth.json").write_text("{}")
        refused = run("push-artifact", *source, *to, scratch / "refused", check=False)
        assert refused.returncode == 66 and "refuses access" in refused.stderr, refused
        subprocess.run(
            ["skopeo", "login", "--tls-verify=false", "--username", "me", "--password", "secret", host],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # The login is skopeo's own.
        first = run("push-artifact", *source, *to, scratch / "receipt")
        assert "4 of 4 files are new" in first.stderr, first.stderr
        again = run("push-artifact", *source, *to, scratch / "receipt")
        assert "nothing to push" in again.stderr, again.stderr

        subprocess.run(
            ["skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{host}/team/adapter:v1", f"dir:{scratch / 'copy'}"],
            check=True)
        manifest = json.loads((scratch / "copy/manifest.json").read_text())
        for layer in manifest["layers"]:
            name, digest = layer["annotations"]["org.cncf.model.filepath"], layer["digest"].removeprefix("sha256:")
            content = (scratch / "copy" / digest).read_bytes()
            assert content == (scratch / "adapter" / name).read_bytes() and hashlib.sha256(content).hexdigest() == digest

        client = oras.client.OrasClient(insecure=True, auth_backend="basic")
        client.login(hostname=host, username="me", password="secret", tls_verify=False)
        client.pull(target=f"{host}/team/adapter:v1", outdir=str(scratch / "pulled"))
        _, different, missing = filecmp.cmpfiles(scratch / "adapter", scratch / "pulled", FILES, shallow=False)
        assert not different and not missing, (different, missing)
        # What ORAS leaves is the artifact.
        run("push-artifact", "--artifact", scratch / "pulled", *to[:1], f"dir:{scratch / 'third'}", "--output", scratch / "third-receipt")
        print("docker-registry, skopeo and ORAS: pushed and pulled the same")
    finally:
        server.kill()
