"""One request's path: planned, admitted, attempted; read from `planner` to `pipeline`."""
