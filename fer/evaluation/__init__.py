"""Evaluation of classifiers: metrics with intervals, calibration, explanations, comparisons, reports."""
