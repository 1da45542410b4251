"""Prediction on pictures, videos and cameras: detection, cropping, recognition, tracking, drawing."""
