"""Somebody's own GPT held against ours, step by step. Importing this package loads no torch; its modules do."""
