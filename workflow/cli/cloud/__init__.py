"""Commands of the cloud: where a workflow runs, what it would call, what it costs, and the emulator."""
