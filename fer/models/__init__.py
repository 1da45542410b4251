"""Networks: images (N, C, H, W), float, in; logits (N, classes) out; one file a family."""
