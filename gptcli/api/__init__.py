"""What a program calls: from a request to a report; the commands are thin screens over it.

Nothing here knows the command line's library or prints; torch is loaded inside the functions that run a network.
"""
