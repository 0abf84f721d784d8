"""What is deployed: one stack of state, one stack per capability."""
