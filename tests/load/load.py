"""Loads `pointsman serve` and what it is compared with, one after the other, on one processor each for server and load.

Read the ratios, and of one run only: how many requests a second there are says more of the machine than of the service. See README.md.
"""

import argparse
import hashlib
import hmac
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SECRET = "a secret for this load alone"
RULES = """version: 1
repositories: [{github: acme/shop}]
pipelines: {application: {stages: [{name: test, buildspec: ci/test.yml}]}}
environments: []
ignore:
  - {name: docs-only, paths: {only: ['docs/**', '**/*.md']}}
routes:
  - {name: infra, branch: main, paths: {any: ['infra/**']}, pipeline: application}
  - {name: main, branch: main, pipeline: application}
  - {name: the-rest, any: true, pipeline: none}
"""


def push(nth: int, commits: int) -> bytes:
    """A push of so many commits, with about as much around them as GitHub sends."""
    account = {"login": "dana", "id": 583231, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "type": "User", "site_admin": False}
    account |= {f"address{n}_url": f"https://api.example.org/users/dana/address{n}{{/other}}" for n in range(20)}
    repository = {"id": 186853002, "full_name": "acme/shop", "private": False, "owner": account, "default_branch": "main"}
    repository |= {f"address{n}_url": f"https://api.example.org/repos/acme/shop/address{n}{{/sha}}" for n in range(40)}
    person = {"name": "Dana", "email": "dana@example.org", "username": "dana"}
    listed = [
        {"id": f"{nth + 1:08x}{n:032x}", "tree_id": f"{n:040x}", "distinct": True, "message": f"change part {n} of {nth}", "author": person,
         "timestamp": "2026-11-20T12:00:00Z", "url": f"https://example.org/acme/shop/commit/{nth + 1:08x}{n:032x}", "committer": person,
         "added": [], "removed": [], "modified": [f"crates/area{n}/src/part{nth}/deeper/inside/file{n}.rs"]}
        for n in range(commits)
    ]
    return json.dumps({
        "ref": f"refs/heads/feature/{nth}", "before": "1" * 40, "after": f"{nth + 1:08x}{commits - 1:032x}", "repository": repository,
        "pusher": {"name": "dana", "email": "dana@example.org"}, "sender": account, "created": False, "deleted": False,
        "forced": False, "base_ref": None, "compare": "https://example.org/compare", "head_commit": listed[-1], "commits": listed,
    }, separators=(",", ":")).encode()


def write_pushes(folder: Path, how_many: int, commits: int) -> None:
    folder.mkdir()
    for nth in range(how_many):
        body = push(nth, commits)
        (folder / f"{nth}.json").write_bytes(body)
        (folder / f"{nth}.sig").write_text("sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest())


class Server:
    """A receiver on the first processor."""

    def __init__(self, name: str, work: Path, asked: argparse.Namespace) -> None:
        self.data = work / "data"
        shutil.rmtree(self.data, ignore_errors=True)
        self.port, path, environment = 9920, "/webhooks/github", dict(os.environ)
        if name == "floor":
            command = [work / "floor-built/release/floor", SECRET, f"127.0.0.1:{self.port}"]
        elif name == "webhook":
            signed = {"match": {"type": "payload-hmac-sha256", "secret": SECRET, "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}}
            never = {"match": {"type": "value", "value": "none", "parameter": {"source": "payload", "name": "ref"}}}
            hook = {"id": "hook", "execute-command": "/bin/true", "response-message": "ok", "trigger-rule": {"and": [signed, never]}}
            (work / "hooks.json").write_text(json.dumps([hook]))
            command = ["webhook", "-hooks", work / "hooks.json", "-ip", "127.0.0.1", "-port", str(self.port)]
            path = "/hooks/hook"
        else:
            (work / "rules.yaml").write_text(RULES)
            environment |= {"POINTSMAN_GITHUB_WEBHOOK_SECRET": SECRET}
            command = [asked.binary, "--rules", work / "rules.yaml", "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"]
            command += asked.serve
        self.url = f"http://127.0.0.1:{self.port}{path}"
        with (work / f"{name}.log").open("w") as log:
            self.process = subprocess.Popen(["taskset", "-c", "0", *map(str, command)], env=environment, stdout=log, stderr=log, cwd=work)
        time.sleep(1.5)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def mebibytes(self) -> int:
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1]) // 1024

    def kept_and_decided(self) -> list[int]:
        if not (self.data / "pointsman.sqlite").exists():
            return [0, 0]
        with sqlite3.connect(self.data / "pointsman.sqlite") as database:
            return [database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("deliveries", "decisions")]

    def kept(self) -> str:
        kept, decided = self.kept_and_decided()
        size = sum(file.stat().st_size for file in self.data.glob("pointsman.sqlite*")) >> 20
        return f"{kept} kept, {decided} decided, {size} MiB" if kept else ""

    def decide_all(self) -> None:
        """Waits until nothing is undecided: what is put off costs as much as what is done."""
        while len(set(self.kept_and_decided())) > 1:
            time.sleep(0.5)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def load(server: Server, pushes: Path, connections: int, seconds: int) -> dict[str, float | str]:
    before, began = server.cpu_seconds(), time.monotonic()
    said = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", HERE / "post.lua", server.url],
        env=dict(os.environ, PUSHES=str(pushes), SEED=str(random.randrange(1 << 30))), capture_output=True, text=True, check=True,
    ).stdout
    took, kept = time.monotonic() - began, server.kept()
    server.decide_all()
    used, waited = server.cpu_seconds() - before, time.monotonic() - began - took
    refused = int((re.search(r"Non-2xx or 3xx responses: (\d+)", said) or [0, "0"])[1])
    taken = int(re.search(r"(\d+) requests in", said)[1]) - refused
    latency = lambda which: re.search(rf"{which}\s+(\S+)", said)[1]
    broken = (re.search(r"Socket errors: (.*)", said) or ["", ""])[1]
    return {
        "rate": taken / seconds, "cpu": used * 1e6 / max(taken, 1), "busy": used / (took + waited), "p50": latency("50%"), "p99": latency("99%"),
        "note": " ".join(filter(None, [f"{refused} refused" if refused else "", broken, kept, f"all decided {waited:.1f} s later" if kept else ""])),
    }


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--binary", default="target/release/pointsman", type=Path)
    ask.add_argument("--connections", default=[64, 256], type=int, nargs="+")
    ask.add_argument("--seconds", default=6, type=int)
    ask.add_argument("--rounds", default=1, type=int)
    ask.add_argument("--bodies", default=["small", "large"], nargs="+")
    ask.add_argument("--targets", default=["floor", "pointsman", "webhook"], nargs="+")
    ask.add_argument("--same", action="store_true", help="one and the same body each time")
    ask.add_argument("--work", type=Path, help="a folder that is kept, with the floor's binary in it")
    ask.add_argument("serve", nargs="*", help="more for `pointsman serve`, behind --")
    asked = ask.parse_args()
    asked.binary = asked.binary.resolve()
    work = asked.work.resolve() if asked.work else Path(tempfile.mkdtemp(prefix="pointsman-load-"))
    work.mkdir(exist_ok=True)
    shutil.rmtree(work / "small", ignore_errors=True)
    shutil.rmtree(work / "large", ignore_errors=True)
    write_pushes(work / "small", 1 if asked.same else 64, 1)
    write_pushes(work / "large", 1 if asked.same else 8, 1500)
    subprocess.run(["cargo", "build", "-q", "--release", "--manifest-path", HERE / "floor/Cargo.toml", "--target-dir", work / "floor-built"], check=True)
    print(f"{'body':6} {'conns':>5} {'target':10} {'req/s':>8} {'of floor':>8} {'cpu µs':>7} {'of floor':>8} {'busy':>5} {'p50':>9} {'p99':>9} {'MiB':>4}")
    for _ in range(asked.rounds):
        for body in asked.bodies:
            for connections in asked.connections:
                floor = None
                for target in asked.targets:
                    if target == "webhook" and not shutil.which("webhook"):
                        continue
                    server = Server(target, work, asked)
                    try:
                        seen = load(server, work / body, connections, asked.seconds)
                        floor = floor or seen
                        print(f"{body:6} {connections:5} {target:10} {seen['rate']:8.0f} {seen['rate'] / floor['rate']:8.2f} {seen['cpu']:7.1f} "
                              f"{floor['cpu'] / seen['cpu']:8.2f} {seen['busy']:5.0%} {seen['p50']:>9} {seen['p99']:>9} {server.mebibytes():4} {seen['note']}", flush=True)
                    finally:
                        server.end()
    if not asked.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
