"""Input scripts (`input.json`) in the words of DeePMD-kit, read and checked."""
