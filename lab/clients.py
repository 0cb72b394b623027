"""Asking outriderd as mail servers do: Postfix' socketmap and the line protocol of Exim."""

import socket


def connect(address, timeout=30.0):
    """address: path of a Unix socket, or (host, port)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM)
    client.settimeout(timeout)
    try:
        client.connect(address)
    except OSError:
        client.close()
        raise
    return client


def line(address, request, timeout=30.0, shutdown=True):
    """One request line, and everything up to the end of the connection. shutdown: as ${readsocket} does by default."""
    with connect(address, timeout) as client:
        client.sendall(request.encode() if isinstance(request, str) else request)
        if shutdown:
            client.shutdown(socket.SHUT_WR)
        answer = b""
        while octets := client.recv(65536):
            answer += octets
        return answer.decode()


class Socketmap:
    """A connection for many questions, one after another (socketmap_table(5))."""

    def __init__(self, address, timeout=30.0):
        self.socket = connect(address, timeout)
        self._file = self.socket.makefile("rb")

    def ask(self, name, key):
        """The reply without its netstring frame; ConnectionError if the daemon hung up instead."""
        request = f"{name} {key}".encode()
        self.socket.sendall(b"%d:%s," % (len(request), request))
        return self.read()

    def read(self):
        length = b""
        while (octet := self._file.read(1)) != b":":
            if not octet.isdigit():
                raise ConnectionError(f"no netstring: {length + octet!r}")
            length += octet
        reply = self._file.read(int(length) + 1)
        if len(reply) != int(length) + 1 or reply[-1:] != b",":
            raise ConnectionError(f"netstring of {int(length)} octets cut off: {reply!r}")
        return reply[:-1].decode()

    def close(self):
        self._file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
