"""What the endpoint says of its own API: the description at `/openapi.json`, and the page at `/docs`."""
