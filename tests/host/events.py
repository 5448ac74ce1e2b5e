"""ComfyUI's messages, from its websocket, with the standard library alone (RFC 6455; whole frames only)."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator

_HELLO = (
    "GET /ws?clientId={client} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: aW1nMm5vaXNlLXRlc3RzIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Events:
    """What ComfyUI tells one client from now on: iterate over (kind, data); pictures are "binary"."""

    def __init__(self, port: int, client: str, seconds: float = 60.0):
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.socket.sendall(_HELLO.format(client=client, port=port).encode())
        self.stream = self.socket.makefile("rb")
        answer = self.stream.readline()
        assert b" 101 " in answer, answer
        while self.stream.readline().strip():
            pass

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_) -> None:
        self.stream.close()
        self.socket.close()

    def __iter__(self) -> Iterator[tuple[str, dict]]:
        while True:
            opcode, body = self._frame()
            if opcode == 8:
                return
            if opcode == 2:
                yield "binary", {"bytes": body}
            if opcode == 1:
                message = json.loads(body)
                yield message["type"], message.get("data", {})

    def _frame(self) -> tuple[int, bytes]:
        first, length = self.stream.read(2)
        if length >= 126:
            form = ">H" if length == 126 else ">Q"
            [length] = struct.unpack(form, self.stream.read(struct.calcsize(form)))
        return first & 15, self.stream.read(length)
