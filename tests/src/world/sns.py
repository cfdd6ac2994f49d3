"""SNS as whoever hears it over HTTPS knows it: messages with its signature, and the certificate to it at SNS's own address.

That address is reached through the proxy that this is, by whoever has it for HTTPS_PROXY and believes the roots; everything else is
refused there. Says `{"proxy": PORT, "roots": FILE}` on its first line; then it signs: a message on each line, and the same with its
signature and the certificate's address on a line. Ends with its standard input.
"""

import base64
import datetime
import json
import os
import socketserver
import ssl
import sys
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

HOST = "sns.eu-central-1.amazonaws.com"
PATH = "/SimpleNotificationService-0a1b2c3d.pem"
SIGNED = {
    "Notification": ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
    "SubscriptionConfirmation": ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
}


def certified(name, names, by=None):
    """A key and its certificate, signed by another's or by itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(by[1].subject if by else called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if names:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(it) for it in names]), critical=False)
    return key, built.sign(by[0] if by else key, hashes.SHA256())


def pem(key, certificate):
    private = serialization.PrivateFormat.TraditionalOpenSSL
    text = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    return text + certificate.public_bytes(serialization.Encoding.PEM)


class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        asked = self.rfile.readline().split()
        while self.rfile.readline().strip():
            pass
        if asked[:2] != [b"CONNECT", f"{HOST}:443".encode()]:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with server.context.wrap_socket(self.connection, server_side=True) as safe, safe.makefile("rwb") as talk:
            path = talk.readline().split()[1].decode()
            while talk.readline().strip():
                pass
            body = server.certificate if path == PATH else b""
            status = b"200 OK" if body else b"404 Not Found"
            talk.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


def signed(key, message):
    message = {**message, "SignatureVersion": "2", "SigningCertURL": f"https://{HOST}{PATH}"}
    lines = "".join(f"{name}\n{message[name]}\n" for name in SIGNED[message["Type"]] if message.get(name) is not None)
    signature = key.sign(lines.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {**message, "Signature": base64.b64encode(signature).decode()}


folder = tempfile.TemporaryDirectory(prefix="sns-")
root = certified("root of the tests", [])
own, roots = os.path.join(folder.name, "own.pem"), os.path.join(folder.name, "roots.pem")
with open(own, "wb") as file:
    file.write(pem(*certified(HOST, [HOST], root)))
with open(roots, "wb") as file:
    file.write(root[1].public_bytes(serialization.Encoding.PEM))
key, certificate = certified("sns.amazonaws.com", [])
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy)
server.daemon_threads = True
server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.context.load_cert_chain(own)
server.certificate = certificate.public_bytes(serialization.Encoding.PEM)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"proxy": server.server_address[1], "roots": roots}), flush=True)
for line in sys.stdin:
    print(json.dumps(signed(key, json.loads(line))), flush=True)
folder.cleanup()
