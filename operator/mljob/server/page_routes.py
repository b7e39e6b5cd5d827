"""The web page and the API's documentation: each one file, without anything of another host."""

import secrets
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import HTMLResponse

NONCE = "@nonce@"

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
async def page() -> HTMLResponse:
    """Jobs, newest first."""
    return _answer("page.html")


@router.get("/docs", response_class=HTMLResponse)
async def documentation() -> HTMLResponse:
    """The routes, read from `/openapi.json`."""
    return _answer("docs.html")


def _answer(name: str) -> HTMLResponse:
    """A page may run its own script, talk to this server, and no more: it shows what jobs have printed."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    return HTMLResponse(_text(name).replace(NONCE, nonce), headers=headers)


@cache
def _text(name: str) -> str:
    return files("mljob.server").joinpath(name).read_text("utf-8")
