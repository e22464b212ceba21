"""What the checks beside other programs share."""
import pathlib
import socket
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "pipelines/quickstart/model"


def run(program, *arguments, check=True):
    """Runs a release build of a program of ours."""
    done = subprocess.run([ROOT / ".build/release" / program, *map(str, arguments)], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 or not check, done.stderr
    return done


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
