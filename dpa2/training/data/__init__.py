"""Frames, batches and samples of labelled data, for training."""
