"""What a classifier is worth: figures with intervals, calibration, explanations, comparisons; reports on them."""
