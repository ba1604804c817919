"""``python -m keruen`` is the command line."""

from keruen.cli import main

main()
