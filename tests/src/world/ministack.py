"""ministack as the tests want it: on a free loopback port, said on the first line, and gone when its starter is.

Its own files lie in a temporary folder that goes with it.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ACCOUNT = "123456789012"
REGION = "eu-central-1"
SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "emulated.py")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(folder):
    """The process and its port: whoever takes the port in between is left to it."""
    for _ in range(5):
        port = free_port()
        environment = {
            **os.environ,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            # What functions find AWS by.
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "LOG_LEVEL": "ERROR",
            # AWS waits a minute before it invokes a function that failed once more.
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.5",
            "TMPDIR": folder,
            "DOCKER_HOST": "unix:///nowhere",
        }
        process = subprocess.Popen([sys.executable, "-I", SERVER], env=environment, stdout=sys.stderr)
        for _ in range(600):
            if process.poll() is not None:
                break
            if listens(port):
                return process, port
            time.sleep(0.05)
        process.kill()
    sys.exit("ministack does not start")


folder = tempfile.mkdtemp(prefix="ministack-")
process, port = start(folder)


def end_with_the_starter():
    sys.stdin.buffer.read()
    process.terminate()


threading.Thread(target=end_with_the_starter, daemon=True).start()
print(port, flush=True)
process.wait()
shutil.rmtree(folder, ignore_errors=True)
