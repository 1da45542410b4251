"""The ASGI application: routes, limits and metrics around a recogniser."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from fer.memory import return_freed
from fer.palette import class_colors
from fer.prediction.predictor import Predictor
from fer.prediction.stream import Result
from fer.serving import files, refusal, schema
from fer.serving.answers import answer
from fer.serving.body import pictures
from fer.serving.guard import Guard
from fer.serving.meters import Meters
from fer.serving.places import Places
from fer.serving.proxies import Proxies
from fer.serving.recogniser import Recogniser
from fer.serving.refusal import RequestError
from fer.serving.settings import Settings
from fer.serving.stream import MAX_WAITING, TOKEN_TIMEOUT, Stream

ABOUT = "Detects faces in pictures and recognises their expressions. Nothing that is sent is stored."


def application(predictor: Predictor, settings: Settings, meters: Meters | None = None) -> FastAPI:
    """Returns the server's ASGI application."""
    return_freed()
    meters = meters or Meters()
    recogniser = Recogniser(predictor, settings, meters.batches.observe)
    places = Places(settings.limits.requests, settings.limits.seconds, meters.active.set)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batches = asyncio.create_task(recogniser.batcher.run())
        yield
        predictor.close()  # else its thread would wait for a graph that does not end
        batches.cancel()
        with suppress(asyncio.CancelledError):
            await batches
        recogniser.close()

    app = FastAPI(
        title="fer", version=own_version(), description=ABOUT, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.meters, app.state.places = meters, places
    refusal.install(app)
    add_prediction(app, recogniser, places, meters, settings)
    add_state(app, predictor, meters, settings)
    app.include_router(files.router())
    app.add_middleware(Guard, settings=settings, meters=meters)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["authorization", "content-encoding", "content-type"],
        )
    app.add_middleware(Proxies, settings=settings)
    return app


def add_prediction(app: FastAPI, recogniser: Recogniser, places: Places, meters: Meters, settings: Settings) -> None:
    limits = settings.limits
    responses = {200: {"model": schema.Answer}} | schema.REFUSALS
    token_places = Places(MAX_WAITING, TOKEN_TIMEOUT)

    @app.post("/v1/predict/", include_in_schema=False)  # many clients do not follow a redirection
    @app.post("/v1/predict", responses=responses, openapi_extra=schema.predict_body(limits))
    async def predict(request: Request, crops: bool = False) -> JSONResponse:
        """Detects the faces of one or more pictures and returns a probability for each expression."""
        with places.take() as place:
            async with place.upload(f"the upload took longer than {limits.seconds:g} s"):
                sources = await pictures(request, limits)
            started = time.perf_counter()
            async with place.work(f"no answer within {limits.seconds:g} s because the server is busy; try again"):
                results = await recogniser(sources)
                answers = await recogniser.write(lambda: [answer(result, crops) for result in results])
        meters.count_pictures(results)
        refuse_unreadable(results)
        return JSONResponse({"pictures": answers, "milliseconds": round(1000 * (time.perf_counter() - started), 2)})

    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await Stream(socket, recogniser, token_places, meters, settings).run()


def refuse_unreadable(results: list[Result]) -> None:
    """Raises RequestError if no picture could be read."""
    if all(result.error for result in results):
        raise RequestError(422, "; ".join(f"{result.source.name}: {result.error}" for result in results))


def add_state(app: FastAPI, predictor: Predictor, meters: Meters, settings: Settings) -> None:
    network = predictor.network

    @app.get("/v1/model", responses={200: {"model": schema.Model}})
    async def model() -> dict[str, Any]:
        """Returns the network, its classes and the limits of the server."""
        return {
            "name": Path(network.name).name,
            "classes": list(network.classes),
            "colors": class_colors(network.classes),
            "temperature": network.temperature,
            "threshold": predictor.threshold,
            "detects": predictor.detector is not None,
            "limits": asdict(settings.limits),
        }

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Answers while the server runs, without a token."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Returns counters in the text format of Prometheus."""
        return Response(meters.text(), media_type=CONTENT_TYPE_LATEST)


def own_version() -> str:
    try:
        return version("fer-lightning")
    except PackageNotFoundError:
        return "0"
