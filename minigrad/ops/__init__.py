"""The ops: elementwise, shaping, reduction and linear algebra, each with its derivatives beside it."""
