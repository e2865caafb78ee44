"""Somebody's class or function brought to a network: its file loaded, its arguments found, its errors placed."""
