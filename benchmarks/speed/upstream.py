"""The upstream behind every peer: nginx with fixed answers where it is installed, else `drip`.

nginx takes the whole request before it answers: its own `return` would answer a long
body half-read, and the generator would then start the next request in the middle of this one. So the
public server hands each request, without its body, to a second one on a socket that serves a file.
"""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.speed.bodies import PATHS
from benchmarks.speed.drip import answer
from benchmarks.speed.process import free_port, stopped, wait_until_open
from router.system.subprocesses import ROOT, find_program, module_command

_NGINX = """
daemon off; master_process off; worker_processes 1; pid @FOLDER@/pid; error_log stderr error;
events { worker_connections 2048; }
http {
  access_log off; default_type application/json; open_file_cache max=16; tcp_nodelay on;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  client_max_body_size 0; client_body_buffer_size 4m;
  client_body_temp_path @FOLDER@/b; proxy_temp_path @FOLDER@/p; fastcgi_temp_path @FOLDER@/f;
  uwsgi_temp_path @FOLDER@/u; scgi_temp_path @FOLDER@/s;
  upstream answers { server unix:@FOLDER@/answers; keepalive 512; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:@PORT@ backlog=1024;
    proxy_method GET; proxy_pass_request_body off; proxy_pass_request_headers off; proxy_http_version 1.1;
    proxy_set_header Content-Length ""; proxy_set_header Connection "";
    @LOCATIONS@
  }
  server { listen unix:@FOLDER@/answers; root @FOLDER@; }
}
"""


def nginx() -> str | None:
    """Path of the nginx program; it is often outside a user's `PATH`."""
    return find_program("nginx") or find_program("nginx", path="/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def fixed() -> Iterator[int]:
    """Serve fixed JSON answers; yields the port."""
    program = nginx()
    if program is None:
        with dripping() as port:
            yield port
        return
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as name:
        folder, port = Path(name), free_port()
        locations = []
        for dialect, path in PATHS.items():
            (folder / dialect).write_bytes(answer(path))
            locations.append(f"location = {path} {{ proxy_pass http://answers/{dialect}; }}")
        text = _NGINX.replace("@FOLDER@", name).replace("@PORT@", str(port))
        config = folder / "nginx.conf"
        config.write_text(text.replace("@LOCATIONS@", "\n    ".join(locations)))
        argv = [program, "-p", name, "-c", str(config)]
        process = subprocess.Popen(argv, cwd=name, stderr=subprocess.DEVNULL, start_new_session=True)
        with stopped(process):
            wait_until_open(port, process, "nginx")
            yield port


@contextlib.contextmanager
def dripping() -> Iterator[int]:
    """Serve `benchmarks.speed.drip`; yields the port."""
    port = free_port()
    argv = module_command("benchmarks.speed.drip", str(port))
    process = subprocess.Popen(argv, cwd=ROOT, start_new_session=True)
    with stopped(process):
        wait_until_open(port, process, "drip")
        yield port
