"""The few constructs that every stack is made of, and the builders of our layers."""
