"""The web page and the API's documentation: each one file without assets of other hosts."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
