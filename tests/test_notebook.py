"""The notebook of experiments/ runs in a Jupyter kernel, and is stored with its outputs."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
NOTEBOOK = Path(__file__).parents[1] / "experiments" / "quickstart.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, 4)


def test_the_notebook_is_stored_with_outputs_of_drawn_faces(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in code)
    source = "".join(cell.source for cell in code)
    assert "synthetic_faces" in source
    assert "astronaut" not in source
    assert NOTEBOOK.stat().st_size < 150_000


@pytest.mark.typed
def test_the_notebook_runs_in_a_kernel(notebook, tmp_path):
    client = pytest.importorskip("nbclient").NotebookClient
    pytest.importorskip("ipykernel")
    client(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert (tmp_path / "runs" / "train").is_dir()
    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", ()) if "text/html" in output.get("data", {})
    ]
    assert any("<img" in output["data"]["text/html"] for output in pictures)
