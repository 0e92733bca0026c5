"""SageMaker Pipelines: definitions as they are checked, and executions whose steps are real jobs of the emulator."""
