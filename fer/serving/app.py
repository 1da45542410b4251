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
from fer.prediction.predictor import Predictor
from fer.prediction.stream import Result
from fer.serving import files, refusal, schema
from fer.serving.answers import answer
from fer.serving.body import pictures
from fer.serving.guard import Guard
from fer.serving.meters import Meters
from fer.serving.places import Places
from fer.serving.recogniser import Recogniser
from fer.serving.refusal import Refused
from fer.serving.settings import Settings
from fer.serving.stream import INTRODUCTION, INTRODUCTIONS, Stream

ABOUT = "Faces in pictures and the expressions they show. Nothing that is sent here is stored."


def application(predictor: Predictor, settings: Settings, meters: Meters | None = None) -> FastAPI:
    """Everything the server answers."""
    return_freed()
    meters = meters or Meters()
    recogniser = Recogniser(predictor, settings, meters.batches.observe)
    places = Places(settings.limits.requests, settings.limits.seconds, meters.active.set)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batches = asyncio.create_task(recogniser.batcher.run())
        yield
        predictor.close()  # its thread would wait for a graph that does not end
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
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
    return app


def add_prediction(app: FastAPI, recogniser: Recogniser, places: Places, meters: Meters, settings: Settings) -> None:
    limits = settings.limits
    described = {200: {"model": schema.Answer}} | schema.REFUSALS
    introductions = Places(INTRODUCTIONS, INTRODUCTION)

    @app.post("/v1/predict", responses=described, openapi_extra=schema.predict_body(limits))
    async def predict(request: Request, crops: bool = False) -> JSONResponse:
        """The faces of one picture or several, with a probability for each expression."""
        with places.take() as place:
            async with place.upload(f"the upload took longer than {limits.seconds:g} s"):
                sources = await pictures(request, limits)
            started = time.perf_counter()
            async with place.work(f"no answer within {limits.seconds:g} s; the server is busy"):
                results = await recogniser(sources)
                found = await recogniser.written(lambda: [answer(result, crops) for result in results])
        meters.found(results)
        refuse_unreadable(results)
        return JSONResponse({"pictures": found, "milliseconds": round(1000 * (time.perf_counter() - started), 2)})

    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await Stream(socket, recogniser, introductions, meters, settings).run()


def refuse_unreadable(results: list[Result]) -> None:
    """Raises Refused where not one picture could be read."""
    if all(result.error for result in results):
        raise Refused(422, "; ".join(f"{result.source.name}: {result.error}" for result in results))


def add_state(app: FastAPI, predictor: Predictor, meters: Meters, settings: Settings) -> None:
    network = predictor.network

    @app.get("/v1/model", responses={200: {"model": schema.Model}})
    async def model() -> dict[str, Any]:
        """What answers, and what it takes."""
        return {
            "name": Path(network.name).name,
            "classes": list(network.classes),
            "temperature": network.temperature,
            "threshold": predictor.threshold,
            "detects": predictor.detector is not None,
            "limits": asdict(settings.limits),
        }

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Answers while the server runs; needs no token."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counters in the text format of Prometheus."""
        return Response(meters.text(), media_type=CONTENT_TYPE_LATEST)


def own_version() -> str:
    try:
        return version("fer-lightning")
    except PackageNotFoundError:
        return "0"
