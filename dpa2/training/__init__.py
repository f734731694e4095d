"""From labelled frames to trained weights (the specification of training)."""
