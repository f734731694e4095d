"""Parts of the model once more, from the specification alone: every slot is there, whether a neighbour is in it or not.

Nothing of the package computes here. Each part is a function of a model's configuration and weights, and of what goes
into it; `wrong` names the mistake that is to be made, if any.
"""
