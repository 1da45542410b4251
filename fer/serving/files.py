"""Serves the page and the API documentation from files of this package."""

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}
PATHS = {"index.html": "/", "docs.html": "/docs"}


def router() -> APIRouter:
    """Returns a route for each file of page/: its name, or / and /docs for the two pages."""
    routes = APIRouter()
    for file in files("fer.serving").joinpath("page").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in MEDIA_TYPES:
            routes.add_api_route(
                PATHS.get(file.name, f"/{file.name}"),
                endpoint(file.read_bytes(), MEDIA_TYPES[suffix]),
                include_in_schema=False,
            )
    return routes


def endpoint(content: bytes, kind: str):
    """Returns a route function that sends `content`."""

    async def send() -> Response:
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    return send
