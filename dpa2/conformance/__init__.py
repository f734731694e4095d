"""A conformance kit: golden vectors, and a comparison that names the first tensor where an implementation went wrong.

>>> from dpa2.conformance.vectors import shipped
>>> sorted(shipped()[0].trace)[:2]
['atom_energy', 'atom_virial']
"""
