"""The HTTP and WebSocket edge: parse, call, format. The only asynchronous code of the service."""
