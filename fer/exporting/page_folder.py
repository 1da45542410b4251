"""Writes a folder with a page that recognises faces in the browser: the page, a network, onnxruntime-web."""

import base64
import hashlib
import json
import shlex
import subprocess
import tarfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from fer.counting import counted
from fer.errors import UserError
from fer.files import atomic
from fer.palette import class_colors
from fer.prediction.card import default_threshold
from fer.prediction.onnx_network import OnnxNetwork
from fer.prediction.outputs import make_folder, write_errors
from fer.shipped import WEIGHTS, names

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the package's file, in base64 as npm writes it."""
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
PLACES = ("", "dist", f"node_modules/{PACKAGE}/dist")
"""Where a folder of --runtime may hold the files of RUNTIME."""
SHARED = ("page.css", "draw.js", "labels.js", "faces.js", "save.js", "icon.svg", "sample.jpg")
"""Files of the server's page."""
NETWORK, DESCRIPTION = "network.onnx", "network.json"
NPM_SECONDS = 300.0
REMEDY = f"install npm, or name a folder with its files with --runtime FOLDER (npm pack {PACKAGE} elsewhere)"


def write_page(network: Path | None, folder: Path, runtime: Mapping[str, bytes], name: str = "") -> list[str]:
    """Writes the page and returns lines about it.

    Args:
        network: a file of fer.export, by default the network that ships.
        folder: the page's folder; files of earlier pages in it are replaced.
        runtime: the files of onnxruntime-web, see `runtime_files`.
        name: what the page calls the network, by default the name of its file.

    Raises:
        UserError: the network is no file of fer.export, or the folder cannot be written.
    """
    path = network or shipped_onnx()
    content = {DESCRIPTION: description(path, name or path.name), NETWORK: path.read_bytes(), **runtime, **page_files()}
    make_folder(folder)
    with write_errors(folder):
        for file_name, data in content.items():
            with atomic(folder / file_name, "wb") as file:
                file.write(data)
    size = sum(map(len, content.values())) / 1e6
    command = f"python -m http.server --bind 127.0.0.1 --directory {shlex.quote(str(folder))}"
    return [
        f"wrote {folder}: {counted(len(content), 'file')}, {size:.1f} MB, for any web server",
        "most browsers have no face detector: people move a square onto each face",
        f"next: {command}, and open http://127.0.0.1:8000",
    ]


def shipped_onnx() -> Path:
    """Returns the ONNX file of the network that ships."""
    return WEIGHTS / f"{names()[0]}.onnx"


def description(path: Path, name: str) -> bytes:
    """Returns what the page must know of a network, as JSON. Raises UserError for files of others than fer.export."""
    network = OnnxNetwork(path)
    network.close()
    content = {
        "name": name,
        "classes": list(network.classes),
        "colors": class_colors(network.classes),
        "temperature": network.temperature,
        "threshold": default_threshold(str(path)),
    }
    return json.dumps(content, indent=1).encode()


def page_files() -> dict[str, bytes]:
    """Returns name -> content of the page's own files and of those that the server's page has, too."""
    own, shared = files("fer.exporting").joinpath("page"), files("fer.serving").joinpath("page")
    content = {name: shared.joinpath(name).read_bytes() for name in SHARED}
    return content | {file.name: file.read_bytes() for file in own.iterdir() if file.is_file()}


def runtime_files(folder: Path | None) -> Mapping[str, bytes]:
    """Returns name -> content of onnxruntime-web's files, from a folder or from npm. Raises UserError without them."""
    return runtime_from_npm() if folder is None else runtime_from(folder)


def runtime_from(folder: Path) -> Mapping[str, bytes]:
    """Returns the files of RUNTIME in a folder, its dist/ or its node_modules/. Raises UserError."""
    for place in PLACES:
        paths = [folder / place / name for name in RUNTIME]
        if all(path.is_file() for path in paths):
            return {path.name: path.read_bytes() for path in paths}
    raise UserError(
        f"--runtime {folder}: expected {', '.join(RUNTIME)} in it, in dist/ or in node_modules/{PACKAGE}/dist/"
    )


def runtime_from_npm() -> Mapping[str, bytes]:
    """Downloads the pinned version with npm and returns the files of RUNTIME. Raises UserError."""
    if which("npm") is None:
        raise UserError(f"the page needs {PACKAGE}, and npm is not installed; {REMEDY}")
    with TemporaryDirectory() as folder:
        command = ["npm", "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", folder]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, encoding="utf-8", timeout=NPM_SECONDS, check=False
            )
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        except subprocess.TimeoutExpired:
            reason = f"no answer within {NPM_SECONDS:g} s"
        packages = list(Path(folder).glob("*.tgz"))
        if not packages:
            raise UserError(f"npm cannot download {PACKAGE} {VERSION} ({reason[:200]}); {REMEDY}")
        return unpack(packages[0])


def unpack(package: Path) -> Mapping[str, bytes]:
    """Returns the files of RUNTIME in npm's package. Raises UserError if it is not the pinned one."""
    if hashlib.sha512(package.read_bytes()).digest() != base64.b64decode(SHA512):
        raise UserError(
            f"npm's {PACKAGE} {VERSION} is not the file that fer was tested with (SHA-512 differs); {REMEDY}"
        )
    with tarfile.open(package) as archive:
        return {name: content_of(archive, f"package/dist/{name}") for name in RUNTIME}


def content_of(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None  # a file, as the package's SHA-512 is that of the tested one
    return file.read()
