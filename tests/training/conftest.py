import pytest


@pytest.fixture
def without_pictures(monkeypatch):
    """Runs leave out their pictures and report, which take longer than a tiny training."""
    monkeypatch.setattr("fer.training.scoring.draw", lambda *_, **__: None)
    monkeypatch.setattr("fer.training.scoring.short_report", lambda *_, **__: None)
