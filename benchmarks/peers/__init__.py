"""What people would run otherwise, and the least that has to be done in any case: one script each."""
