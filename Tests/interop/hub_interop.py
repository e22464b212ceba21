#!/usr/bin/env python3
"""Pushes and fetches beside the Hugging Face Hub's own client, both against the server that the tests use.

A developer's check: `pip install huggingface_hub`, and a release build.
"""
import filecmp
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from programs import MODEL, ROOT, run


def same(one, other, names):
    _, different, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    assert not different and not missing, (different, missing)


with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    server = subprocess.Popen([sys.executable, ROOT / "Tests/Fixtures/hub/server.py", scratch])
    try:
        while not (scratch / "endpoint").exists():
            time.sleep(0.05)
        os.environ |= {
            "HF_ENDPOINT": (scratch / "endpoint").read_text(), "HF_TOKEN": "hf_test_token", "HF_HOME": str(scratch / "hf"),
            "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        import huggingface_hub as hub

        # Their push, our fetch.
        hub.create_repo("org/model", exist_ok=True)
        hub.upload_folder(repo_id="org/model", folder_path=MODEL)
        run("import-base", "--base-model", "org/model", "--output", scratch / "base", "--quiet")
        # What we fetched is in their cache.
        cached = hub.snapshot_download("org/model", local_files_only=True)
        same(MODEL, cached, ["config.json", "model.safetensors", "tokenizer.json"])
        # Our push, their fetch; then theirs on top of it, which finds nothing to send.
        run("init-adapter", "--base", scratch / "base", "--rank", 4, "--output", scratch / "start", "--quiet")
        source = ["--artifact", scratch / "start", "--base", scratch / "base"]
        run("push-artifact", *source, "--to", "hf://me/adapter", "--output", scratch / "receipt", "--quiet")
        run("push-artifact", *source, "--to", f"dir:{scratch / 'adapter'}", "--output", scratch / "local", "--quiet")
        fetched = hub.snapshot_download("me/adapter")
        names = ["README.md", "adapter_config.json", "adapter_model.safetensors", "artifact.json"]
        same(scratch / "adapter", fetched, names)
        before = hub.model_info("me/adapter").sha
        hub.upload_folder(repo_id="me/adapter", folder_path=scratch / "adapter", ignore_patterns=["run.json"])
        assert hub.model_info("me/adapter").sha == before
        print(f"huggingface_hub {hub.__version__}: pushed and fetched the same both ways")
    finally:
        server.kill()
