"""Tools that look at the engine: its graphs, its backward pass, where numbers go wrong, where time goes."""
