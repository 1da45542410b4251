"""The folder of `fer.export --page`; the page itself is tested in Chromium, beside that of the server."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from fer import export
from fer.errors import UserError
from fer.exporting import page_folder
from fer.exporting.page_folder import RUNTIME, runtime_files, unpack, write_page

FILES = {name: name.encode() for name in RUNTIME}


@pytest.fixture
def runtime(tmp_path) -> Path:
    for name, content in FILES.items():
        place = tmp_path / "runtime" / "dist" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return tmp_path / "runtime"


def test_the_folder_holds_page_network_and_runtime(runtime, tmp_path, capsys):
    export.main(["--page", str(tmp_path / "page"), "--runtime", str(runtime)])
    folder = tmp_path / "page"
    assert {name: (folder / name).read_bytes() for name in RUNTIME} == FILES
    assert (folder / "network.onnx").read_bytes() == page_folder.shipped_onnx().read_bytes()
    description = json.loads((folder / "network.json").read_text())
    assert description["name"] == "standard.onnx"
    assert description["classes"][3] == "happy"
    assert set(description["colors"]) == set(description["classes"])
    assert "next: python -m http.server" in capsys.readouterr().out


def test_every_file_that_the_page_names_is_there(tmp_path):
    write_page(None, tmp_path, FILES)
    names = {path.name for path in tmp_path.iterdir()}
    for path in tmp_path.iterdir():
        if path.suffix in (".html", ".js"):
            text = path.read_text(encoding="utf-8")
            quoted = set(re.findall(r'"(?:\./)?([\w.-]+\.(?:js|mjs|css|svg|jpg|json|onnx))"', text))
            assert quoted <= names, path.name


@pytest.mark.parametrize("place", ["", "dist", "node_modules/onnxruntime-web/dist"])
def test_the_runtime_is_found_where_npm_puts_it(tmp_path, place):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (tmp_path / place / name).write_bytes(content)
    assert runtime_files(tmp_path) == FILES


def test_without_the_runtime_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(page_folder, "which", lambda name: None)
    for more in ([], ["--runtime", str(tmp_path)]):
        with pytest.raises(UserError, match=r"--runtime") as error:
            export.main(["--page", str(tmp_path / "page"), *more])
        assert "\n" not in str(error.value)
    assert not (tmp_path / "page").exists()


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """`npm(package)`: what `npm pack` would leave; None for nothing."""

    def replace(package: Path | None) -> None:
        def run(command, cwd, **options):
            if package is not None:
                (Path(cwd) / "onnxruntime-web-1.tgz").write_bytes(package.read_bytes())
            return subprocess.CompletedProcess(command, 1, "", "npm error code ENOTFOUND\nnpm error more")

        monkeypatch.setattr(page_folder, "which", lambda name: "/bin/npm")
        monkeypatch.setattr(page_folder.subprocess, "run", run)

    return replace


@pytest.fixture
def package(tmp_path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        for name in RUNTIME:
            archive.add(tmp_path / name, f"package/dist/{name}")
    return tmp_path / "x.tgz"


def test_a_package_with_another_hash_is_refused(npm, package, monkeypatch):
    npm(package)
    with pytest.raises(UserError, match="SHA-512 differs"):
        runtime_files(None)
    digest = page_folder.hashlib.sha512(package.read_bytes()).digest()
    monkeypatch.setattr(page_folder, "SHA512", page_folder.base64.b64encode(digest).decode())
    assert runtime_files(None) == unpack(package) == FILES


def test_without_a_network_npm_is_quoted_in_a_line(npm):
    npm(None)
    with pytest.raises(UserError, match=r"npm cannot download .* \(npm error code ENOTFOUND\)"):
        runtime_files(None)


def test_files_of_others_are_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"x")
    for name in ("x.onnx", "missing.onnx"):
        with pytest.raises(UserError, match=name):
            write_page(tmp_path / name, tmp_path / "page", FILES)


def test_options_that_do_not_fit_are_one_line(runtime, tmp_path):
    with pytest.raises(UserError, match="--runtime is for --page"):
        export.main(["net.ckpt", "--runtime", str(runtime)])
    for more in (["--format", "torch"], ["--out", "x.onnx"]):
        with pytest.raises(UserError, match="leave --out and --format out"):
            export.main(["--page", str(tmp_path / "page"), "--runtime", str(runtime), *more])
    with pytest.raises(UserError, match="are for a CHECKPOINT"):
        export.main(["--page", str(tmp_path / "page"), "--runtime", str(runtime), "--precision", "fp16"])
    with pytest.raises(UserError, match="name a CHECKPOINT"):
        export.main([])
    with pytest.raises(UserError, match=r"x\.onnx is an ONNX file already"):
        export.main(["x.onnx"])
