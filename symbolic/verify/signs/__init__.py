"""Signs of expressions over parameters, ranges of states, and states that inputs can reach."""
