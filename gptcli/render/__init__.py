"""Reports to what people and programs read: all words, units and colours."""
