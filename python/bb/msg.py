"""The old names of messages."""
from bb import debug, error, fatal, note, plain, warn  # noqa: F401
