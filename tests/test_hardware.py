import torch

from fer import hardware


def test_precision_is_bfloat16_only_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for has, expected in ((True, "bf16-mixed"), (False, "32-true")):
        monkeypatch.setattr(hardware, "cpu_has_bf16", lambda has=has: has)
        assert hardware.best_precision() == expected
        assert hardware.best_precision("cpu") == expected


def test_precision_on_cuda_follows_the_card(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for has, expected in ((True, "bf16-mixed"), (False, "16-mixed")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda has=has, **_: has)
        assert hardware.best_precision() == expected


def test_channels_last_goes_with_16_bits_and_with_cpus(monkeypatch):
    for gpu in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda gpu=gpu: gpu)
        assert hardware.best_memory_format("bf16-mixed")
        assert hardware.best_memory_format("32-true", "cpu")
        assert hardware.best_memory_format("32-true") is not gpu


def test_a_record_names_machine_and_versions():
    assert hardware.hardware()["cpu"]
    assert {"python", "torch", "lightning"} <= set(hardware.versions())
