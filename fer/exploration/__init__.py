"""Sections of the report on a data set."""

from fer.exploration import duplicates, image_statistics, overview, samples, suspicious_labels, votes

SECTIONS = (
    overview.add_source,
    overview.add_counts,
    samples.add_samples,
    image_statistics.add_grey_levels,
    image_statistics.add_measures,
    image_statistics.add_mean_faces,
    overview.add_sizes,
    samples.add_augmented,
    samples.add_blanks,
    duplicates.add_duplicates,
    votes.add_agreement,
    suspicious_labels.add_suspicious_labels,
)
"""In the order of the report. Each takes the report and the data, and may return figures for duplicates.json."""
