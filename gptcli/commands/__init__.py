"""One file a subcommand: options in, a report computed, a renderer called. Files that begin with _ are shared."""
