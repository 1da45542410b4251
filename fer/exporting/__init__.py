"""Networks as files for other programs: ONNX, torch.export, weights alone."""
