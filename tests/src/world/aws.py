"""moto's server as the tests want it: its port said on the first line, and gone when its starter is. With a certificate and
its key it speaks TLS.

Requests are answered one at a time: moto looks at a condition and then writes, and two threads in between would both
find it met, which the service that it stands in for never lets happen.
"""

import os
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def answer(environ, start_response):
    with one_at_a_time:
        return list(moto(environ, start_response))


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args, **kwargs):
        pass


def end_with_the_starter():
    sys.stdin.buffer.read()
    os._exit(0)


tls = tuple(sys.argv[1:3]) or None
server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=Quiet, ssl_context=tls)
threading.Thread(target=end_with_the_starter, daemon=True).start()
print(server.server_port, flush=True)
server.serve_forever()
