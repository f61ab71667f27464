"""The two places that answer: the model on this machine and the provider's."""
