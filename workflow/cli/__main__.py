"""``python -m workflow.cli`` is ``despina``."""

from workflow.cli.command import main

main()
