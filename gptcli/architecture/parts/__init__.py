"""What a network is made of: one file for each kind of part, with all that is known of it without torch."""
