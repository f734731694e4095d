"""Every intermediate of an evaluation by its name in the trace table (specification section 19)."""
