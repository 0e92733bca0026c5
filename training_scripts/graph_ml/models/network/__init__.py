"""Graph networks around a family's formula: inputs, rounds, head, and how they are kept."""
