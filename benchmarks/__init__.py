"""Programs that measure what the project claims of speed and memory; none of them is a test."""
