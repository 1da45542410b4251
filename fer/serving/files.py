"""Serves the page and the API documentation from files of this package."""

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SHORT = {"index.html": "/", "docs.html": "/docs"}


def router() -> APIRouter:
    """A route a file of page/, under its name, and / and /docs for the two pages."""
    routes = APIRouter()
    for file in files("fer.serving").joinpath("page").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in KINDS:
            routes.add_api_route(
                SHORT.get(file.name, f"/{file.name}"), sender(file.read_bytes(), KINDS[suffix]), include_in_schema=False
            )
    return routes


def sender(content: bytes, kind: str):
    async def send() -> Response:
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    return send
