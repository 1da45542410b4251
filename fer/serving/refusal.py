"""Error answers: a status and {"error": reason}, never a traceback."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

log = logging.getLogger("fer.serving")
MESSAGES = {
    404: "not found; / is the page, /docs describes the API",
    405: "method not allowed; /docs describes the API",
}


class RequestError(Exception):
    """An error that is answered with a status and a reason; raised anywhere in a route."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status, self.reason = status, reason


def refusal(status: int, reason: str) -> JSONResponse:
    """Returns the answer to a refused request."""
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}.get(status)
    return JSONResponse({"error": reason}, status, headers)


def install(app: FastAPI) -> None:
    """Makes `app` answer all errors in this form."""

    @app.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> Response:
        return refusal(error.status, error.reason)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return refusal(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        answer = refusal(error.status_code, MESSAGES.get(error.status_code, str(error.detail)))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            methods = set((error.headers or {}).get("Allow", "").replace(" ", "").split(","))
            methods |= {"HEAD", "OPTIONS"} if "GET" in methods else {"OPTIONS"}
            if request.method == "OPTIONS":
                answer = Response(status_code=HTTPStatus.NO_CONTENT)
            answer.headers["allow"] = ", ".join(sorted(methods))
        return answer

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # the client has gone

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return refusal(500, "internal error; the server's log has the details")
