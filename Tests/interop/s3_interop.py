#!/usr/bin/env python3
"""Pushes an adapter into moto's object store, which checks who asks, and has Amazon's own client fetch it.

A developer's check: `pip install "moto[server,s3,iam]"`, and a release build.
"""
import filecmp
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import boto3

from programs import MODEL, free_port, run

FILES = ["README.md", "adapter_config.json", "adapter_model.safetensors", "artifact.json"]

with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    # Three requests make a user; every later one must be signed by its key.
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env=os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": "3"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(4)
        anybody = {"endpoint_url": endpoint, "region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        iam = boto3.client("iam", **anybody)
        iam.create_user(UserName="me")
        key = iam.create_access_key(UserName="me")["AccessKey"]
        iam.put_user_policy(UserName="me", PolicyName="all", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
        login = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        s3 = boto3.client("s3", **anybody | login)
        s3.create_bucket(Bucket="models")

        os.environ |= {"HOME": str(scratch), "AWS_ENDPOINT_URL": endpoint}
        run("import-base", "--base-model", MODEL, "--output", scratch / "base")
        run("init-adapter", "--base", scratch / "base", "--rank", 4, "--output", scratch / "start")
        source = ["--artifact", scratch / "start", "--base", scratch / "base"]
        run("push-artifact", *source, "--to", f"dir:{scratch / 'adapter'}", "--output", scratch / "local")
        to = ["--to", "s3://models/team/tuned v1", "--output"]

        os.environ |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": "wrong"}
        refused = run("push-artifact", *source, *to, scratch / "refused", check=False)
        assert refused.returncode == 66 and "refuses access" in refused.stderr, refused
        del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        (scratch / ".aws").mkdir()
        (scratch / ".aws/credentials").write_text("[default]\n" + "".join(f"{name} = {value}\n" for name, value in login.items()))

        first = run("push-artifact", *source, *to, scratch / "receipt")
        assert "4 of 4 files are new" in first.stderr, first.stderr
        again = run("push-artifact", *source, *to, scratch / "receipt")
        assert "nothing to push" in again.stderr, again.stderr
        base = ["--artifact", scratch / "base", *to, scratch / "other"]
        assert run("push-artifact", *base, check=False).returncode == 73
        assert {entry["Key"] for entry in s3.list_objects_v2(Bucket="models")["Contents"]} == {f"team/tuned v1/{name}" for name in FILES}

        (scratch / "pulled").mkdir()
        for name in FILES:
            s3.download_file("models", f"team/tuned v1/{name}", str(scratch / "pulled" / name))
        _, different, missing = filecmp.cmpfiles(scratch / "adapter", scratch / "pulled", FILES, shallow=False)
        assert not different and not missing, (different, missing)
        # What lies below the prefix is the artifact.
        run("push-artifact", "--artifact", scratch / "pulled", "--to", f"dir:{scratch / 'third'}", "--output", scratch / "third-receipt")

        s3.delete_object(Bucket="models", Key="team/tuned v1/README.md")
        assert "1 of 4 files are new" in run("push-artifact", *source, *to, scratch / "receipt").stderr
        run("push-artifact", *base, "--replace")
        left = {entry["Key"].rsplit("/", 1)[1] for entry in s3.list_objects_v2(Bucket="models")["Contents"]}
        assert "adapter_config.json" not in left and "config.json" in left, left
        print("moto and boto3: pushed and fetched the same")
    finally:
        server.kill()
