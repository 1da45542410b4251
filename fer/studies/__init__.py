"""Analysis of a study's runs: records, tables, factors, effects, curves."""
