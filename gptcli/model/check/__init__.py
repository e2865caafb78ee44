"""Somebody's own GPT compared with ours, step by step. Importing this package loads no torch; its modules do."""
