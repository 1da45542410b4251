import pytest
from PIL import Image


@pytest.mark.slow
@pytest.mark.usefixtures("chromium")
def test_the_pictures_of_the_page_are_made(server, tmp_path, load_script):
    paths = load_script("page/screenshots.py").screenshots(server.address, tmp_path)
    assert {path.name for path in paths} == {f"{n}.png" for n in ("light", "dark", "phone", "error", "camera", "docs")}
    for path in paths:
        darkest, brightest = Image.open(path).convert("L").getextrema()
        assert brightest - darkest > 100
