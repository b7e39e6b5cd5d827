"""Sends a log that may never end: stops when the caller leaves, and closes its source whatever happens."""

import asyncio

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mljob.server.podlogs import LogText

SOURCE_HEADER = "MlJob-Log-Source"
"""`pod`, or `store` for the tail that was kept of a pod that is gone."""


class _CallerLeft(Exception):
    pass


class LogAnswer(StreamingResponse):
    """The framework's own streaming answer notices a caller that left only when there is something to send:
    the log of a silent job would be followed for as long as the job lives."""

    def __init__(self, text: LogText) -> None:
        source = "pod" if text.from_pod else "store"
        super().__init__(
            text,
            media_type="text/plain; charset=utf-8",
            headers={SOURCE_HEADER: source, "X-Accel-Buffering": "no"},
        )
        self._text = text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._text:
            try:
                async with asyncio.TaskGroup() as tasks:
                    leaving = tasks.create_task(self._leave(receive))
                    await self.stream_response(send)
                    leaving.cancel()
            except* (_CallerLeft, OSError):
                pass

    async def _leave(self, receive: Receive) -> None:
        await self.listen_for_disconnect(receive)
        raise _CallerLeft
