"""Sections of the report on a data set."""

from fer.exploration import copies, light, overview, samples, suspicious, votes

SECTIONS = (
    overview.source,
    overview.counts,
    samples.samples,
    light.grey_levels,
    light.measures,
    light.mean_faces,
    overview.sizes,
    samples.augmented,
    samples.blanks,
    copies.duplicates,
    votes.agreement,
    suspicious.suspicious,
)
"""In the order of the report; what they return is merged."""
