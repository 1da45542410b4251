"""What fer.search is made of: the space, the study and its storage, workers and what they leave."""
