"""From a configuration to a tree of modules: the only place that reads its switches (specification section 16)."""
