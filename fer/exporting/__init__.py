"""Exports networks to files for other programs: ONNX, torch.export, bare weights."""
