"""Networks: images (N, C, H, W), float -> logits (N, classes). One file a family."""
