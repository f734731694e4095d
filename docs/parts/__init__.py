"""Parts of pages that follow from the code, a file for each kind; `docs/generate.py` writes them into the pages."""
