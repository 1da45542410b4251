"""Prometheus metrics of the server, and its summary line."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from fer.counting import counted
from fer.prediction.stream import Result

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
FACES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Meters:
    """Counters of a server; they contain no picture data."""

    def __init__(self):
        kept = self.registry = CollectorRegistry()
        self.started, self.cameras = time.monotonic(), 0
        self.requests = Counter("fer_requests", "Requests answered", ["path", "status"], registry=kept)
        self.seconds = Histogram("fer_request_seconds", "Time to the answer", ["path"], buckets=SECONDS, registry=kept)
        self.pictures = Counter("fer_pictures", "Pictures by outcome", ["outcome"], registry=kept)
        self.faces = Counter("fer_faces", "Faces by expression", ["label"], registry=kept)
        self.batches = Histogram("fer_batch_faces", "Faces in a forward pass", buckets=FACES, registry=kept)
        self.active = Gauge("fer_predictions_active", "Predictions in progress or waiting", registry=kept)
        self.streams = Gauge("fer_streams_active", "Cameras connected", registry=kept)
        self.watched = Counter("fer_streams", "Cameras that were connected", registry=kept)
        self.dropped = Counter("fer_connections_dropped", "Connections ended because of their client", registry=kept)
        self.frames = Counter("fer_frames", "Frames of cameras by outcome", ["outcome"], registry=kept)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def count_pictures(self, results: Iterable[Result]) -> None:
        for result in results:
            self.pictures.labels("unreadable" if result.error else "read").inc()
            self.count_faces(result)

    def count_faces(self, result: Result) -> None:
        for face in result.faces:
            self.faces.labels(face.label).inc()

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Counts a connected camera during the block."""
        self.cameras += 1
        self.streams.set(self.cameras)
        self.watched.inc()
        try:
            yield
        finally:
            self.cameras -= 1
            self.streams.set(self.cameras)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def total(self, name: str, matches: Callable[[dict[str, str]], bool] = lambda labels: True) -> int:
        """Returns the sum of a counter over the samples whose labels match."""
        total = 0
        for metric in self.registry.collect():
            for sample in metric.samples:
                if sample.name == f"{name}_total" and matches(sample.labels):
                    total += int(sample.value)
        return total

    def summary(self) -> str:
        """Returns all counts in one line."""
        read = self.total("fer_pictures", lambda labels: labels["outcome"] == "read")
        parts = [counted(self.total("fer_requests"), "request"), counted(read, "picture")]
        if frames := self.total("fer_frames", lambda labels: labels["outcome"] == "answered"):
            parts.append(f"{counted(frames, 'frame')} of {counted(self.total('fer_streams'), 'camera')}")
        parts.append(counted(self.total("fer_faces"), "face"))
        refused = counted(self.total("fer_requests", lambda labels: int(labels["status"]) >= 400), "request")
        line = f"served {', '.join(parts)} in {time.monotonic() - self.started:,.0f} s; {refused} refused"
        if dropped := self.total("fer_connections_dropped"):
            line += f", {counted(dropped, 'connection')} ended because of the client"
        return line
