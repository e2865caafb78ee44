"""The results of the commands: frozen, in base units only (counts, bytes, FLOPs, seconds), a file per command.

The field names are the keys of the machine-readable output; words and units for people live in `gptcli.render`.
Import from the file of the command: what is not imported is not defined, which keeps the start-up short.
"""
