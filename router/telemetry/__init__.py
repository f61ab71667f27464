"""What is told about the running endpoint: logs, metrics, traces."""
