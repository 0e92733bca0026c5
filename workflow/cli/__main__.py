"""``python -m workflow.cli`` is ``despina``."""

from workflow.cli.main import main

main()
