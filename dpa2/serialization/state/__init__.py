"""State dictionaries of trainers, with the script beside them."""
