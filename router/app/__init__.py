"""The endpoint as an ASGI application: requests in, answers out, errors in the client's dialect."""
