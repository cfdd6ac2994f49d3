"""moto's server as the tests want it: its port said on the first line, and gone when its starter is. With a certificate and
its key the same server also listens behind TLS, at the second port on that line.

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
    # Head and body are two writes; the second would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log_request(self, *args, **kwargs):
        pass


def end_with_the_starter():
    sys.stdin.buffer.read()
    os._exit(0)


def listening(tls=None):
    return make_server("127.0.0.1", 0, answer, threaded=True, request_handler=Quiet, ssl_context=tls)


servers = [listening()] + ([listening(tuple(sys.argv[1:3]))] if len(sys.argv) == 3 else [])
threading.Thread(target=end_with_the_starter, daemon=True).start()
print(*(server.server_port for server in servers), flush=True)
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
