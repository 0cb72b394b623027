"""A socketmap server in place of outriderd, which writes down what it is asked."""

import contextlib
import os
import socket
import threading


class FakeMap:
    """reply: octets for every question, or a function of it. One that is no netstring is the last of its connection."""

    def __init__(self, path, reply):
        if os.path.exists(path):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        self.socket.listen(64)
        self.path, self.reply, self.keys = path, reply, []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client):
        with client, contextlib.suppress(OSError):
            while request := client.recv(4096):
                self.keys.append(request.partition(b":")[2].rstrip(b",").decode())
                reply = self.reply(self.keys[-1]) if callable(self.reply) else self.reply
                client.sendall(reply)
                if not reply.endswith(b","):
                    break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        os.unlink(self.path)
