"""The engine: a GGUF model served over loopback HTTP by a process of its own."""
