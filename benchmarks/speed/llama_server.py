"""Runs llama.cpp's own server, as the package `xllamacpp` has it, with the interpreter that has the package.

    python llama_server.py MODEL PORT CONTEXT THREADS PLACES

It imports nothing of ours, and ends with its standard input.
"""

import sys

import xllamacpp


def main() -> None:
    """Serve until standard input ends; the places share the context."""
    path, port, context, threads, places = sys.argv[1:6]
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.port = int(port)
    params.n_ctx, params.n_parallel, params.n_gpu_layers = int(context), int(places), 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
