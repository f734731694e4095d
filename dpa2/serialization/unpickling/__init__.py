"""Pickles and the archives around them, read as data: nothing in them is called or imported."""
