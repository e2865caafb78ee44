"""From plans to the tree: a file for each kind of group."""
