"""Which certificates are trusted: the system's, or those in the file that `SSL_CERT_FILE` names."""

import os
from collections.abc import Mapping
from pathlib import Path

CA_FILE = "SSL_CERT_FILE"
"""OpenSSL reads it."""
FOREIGN = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE")
"""What other programs read for the same."""


def ca_problem(environ: Mapping[str, str] = os.environ) -> str:
    """What is wrong with the variables that name certificates, and the remedy; empty where nothing is."""
    named = environ.get(CA_FILE, "")
    if named and not Path(named).is_file():
        return f"{CA_FILE} names {named!r}, which is no file: correct the variable, or unset it"
    foreign = next((name for name in FOREIGN if environ.get(name)), "")
    if foreign and not named:
        return f"{foreign} is not read here: set {CA_FILE} to the same file"
    return ""


def untrusted(environ: Mapping[str, str] = os.environ) -> str:
    """Why a certificate is not trusted, and the remedy."""
    return ca_problem(environ) or (
        "its certificate is not trusted here; where a proxy of your company signs connections, set "
        f"{CA_FILE} to a file with its certificate"
    )
