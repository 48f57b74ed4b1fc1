"""The command ``deltarule``: a file a command, over what Python has as well.

click is imported here alone. ``work`` holds what commands share.
"""
