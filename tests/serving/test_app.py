"""What the server says about itself."""

import re
import subprocess
import sys

from prometheus_client.parser import text_string_to_metric_families


def test_the_model_is_described_without_its_place(server):
    model = server("/v1/model").json
    assert (model["name"], model["classes"], model["temperature"]) == ("brightness.onnx", ["dark", "bright"], None)
    assert model["limits"]["pixels"] == 40_000_000


def test_it_is_well(server):
    assert server("/healthz").json == {"status": "ok"}


def test_metrics_are_prometheus_and_count(serve, picture):
    server = serve()
    server.post(("a.png", picture(230, 10)))
    server.post(("a.png", b""))
    server("/a/random/path")
    samples = [s for family in text_string_to_metric_families(server("/metrics").body.decode()) for s in family.samples]
    values = {(s.name, *sorted(s.labels.values())): s.value for s in samples}
    assert values["fer_requests_total", "/v1/predict", "200"] == 1
    assert values["fer_requests_total", "/v1/predict", "422"] == 1
    assert values["fer_requests_total", "404", "other"] == 1
    assert values["fer_faces_total", "bright"] == values["fer_faces_total", "dark"] == 1
    assert values[("fer_batch_faces_count",)] == 1
    assert values[("fer_predictions_active",)] == 0


def test_what_was_served_stands_in_a_line(serve, picture):
    server = serve()
    server.post(("a.png", picture(230, 10)))
    server("/nothing")
    said = server.meters.summary()
    assert re.fullmatch(r"served 2 requests, 1 picture, 2 faces in \d s; 1 request refused", said)


def test_openapi_names_every_way_in(server):
    api = server("/openapi.json").json
    assert set(api["paths"]) == {"/v1/predict", "/v1/model", "/healthz", "/metrics"}
    body = api["paths"]["/v1/predict"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json", "image/*"}


def test_pages_name_no_other_host(server):
    for path in ("/", "/docs", "/page.css", "/page.js", "/faces.js", "/camera.js", "/docs.js"):
        found = re.findall(rb"https?://[\w.]+", server(path).body)
        assert not found, path


def test_other_methods_are_refused_in_words(server):
    answer = server("/healthz", b"")
    assert answer.status == 405
    assert "method" in answer.json["error"]


def test_the_server_does_without_torch():
    code = "import sys, fer.serve, fer.serving.app, fer.serving.listen; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
