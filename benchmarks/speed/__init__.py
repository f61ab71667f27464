"""What the endpoint itself costs a request: beside its peers, and by what it reads."""
