"""The check of a training before its first step."""
