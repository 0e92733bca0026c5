"""Each stage as a plan: a request and the finished jobs it builds on become what is to be run. No input or output."""
