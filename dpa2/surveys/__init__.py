"""What to ask of a model before trusting it: is it smooth, does it hold all neighbours, what precision does it need."""
