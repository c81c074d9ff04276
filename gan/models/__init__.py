"""Networks to play with."""
