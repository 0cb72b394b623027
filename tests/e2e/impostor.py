"""Somebody in the place of outriderd: listens at its socket, writes down what is asked, and answers what a test wants."""

import contextlib
import os
import socket
import threading

SILENCE, RESET = object(), object()  # replies: never answers; hangs up without listening


class Impostor:
    """reply: text or octets for every question, or a function of it. One that is no netstring is the last of its
    connection; "" hangs up at once."""

    def __init__(self, path, reply):
        if os.path.exists(path):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.listen(64)
        self.path, self.reply, self.keys, self._clients = path, reply, [], []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            self._clients.append(client)
            if self.reply is RESET:
                client.close()
            elif self.reply is not SILENCE:
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client):
        with client, contextlib.suppress(OSError):
            while request := client.recv(4096):
                self.keys.append(request.partition(b":")[2].rstrip(b",").decode())
                reply = self.reply(self.keys[-1]) if callable(self.reply) else self.reply
                reply = reply.encode() if isinstance(reply, str) else reply
                client.sendall(reply)
                if not reply.endswith(b","):
                    break

    def close(self):
        self.socket.close()
        os.unlink(self.path)
        for client in self._clients:
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
