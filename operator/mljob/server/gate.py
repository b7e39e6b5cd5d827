"""What every request passes before a route sees it: path, origin, size, media type and depth of its body."""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mljob.server.answers import answer
from mljob.server.nesting import MAX_DEPTH, depth
from mljob.server.problems import BodyTooLarge, CrossOrigin, MalformedRequest, NotJson, Problem

LENGTH = re.compile(r"[0-9]{1,18}")
"""A Content-Length as far as it is believed; the body is counted in any case."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """ASGI middleware. A refused request is answered here, in the dialect of its path."""

    def __init__(self, app: ASGIApp, body_limit_bytes: int) -> None:
        self.app = app
        self.body_limit_bytes = body_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        drop_last_slash(scope)
        headers = Headers(scope=scope)
        try:
            check_origin(scope["method"], headers)
            body = await self._body(headers, receive)
            check_json(headers, body)
        except Problem as problem:
            await answer(scope["path"], problem)(scope, receive, send)
            return
        await self.app(scope, _Replay(body, receive), send)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        declared = headers.get("content-length", "")
        if LENGTH.fullmatch(declared) and int(declared) > self.body_limit_bytes:
            raise self._too_large(f"{declared} bytes")
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b""
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self.body_limit_bytes:
                raise self._too_large(f"more than {self.body_limit_bytes} bytes")
            if not message.get("more_body", False):
                return b"".join(chunks)

    def _too_large(self, found: str) -> BodyTooLarge:
        return BodyTooLarge(
            f"The body has {found}, at most {self.body_limit_bytes} are accepted: pass a URI to larger data."
        )


class _Replay:
    """Gives the route the body that was read, and after it what the connection says next."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def drop_last_slash(scope: Scope) -> None:
    """`/jobs/` is `/jobs`: a redirect would cost a round trip, and some clients drop the body on one.

    In place, so that the route is noted where the middleware outside of this one looks for it.
    """
    path = scope["path"]
    if len(path) > 1 and path.endswith("/"):
        scope["path"] = path[:-1]
        scope["raw_path"] = scope.get("raw_path", b"").removesuffix(b"/")


def check_origin(method: str, headers: Headers) -> None:
    """A browser names the page that sends; without a login no other site's page may change anything here."""
    origin = headers.get("origin")
    if origin is None or method in _SAFE_METHODS:
        return
    try:
        sender = urlsplit(origin).netloc
    except ValueError:
        # `http://[`: no page has such an address.
        sender = ""
    if not sender or sender != headers.get("host"):
        raise CrossOrigin(f"A page of {origin!r} may not send {method} requests here.")


def check_json(headers: Headers, body: bytes) -> None:
    """Media type and depth of a body, where there is one."""
    if not body:
        return
    media_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise NotJson(f"Content-Type must be application/json, found {media_type or 'none'!r}.")
    if depth(body) > MAX_DEPTH:
        raise MalformedRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
