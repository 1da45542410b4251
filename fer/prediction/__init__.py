"""Prediction on photographs and videos: detect, crop, recognise, track, draw."""
