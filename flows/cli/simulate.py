"""`shotchain simulate`: serve the simulator for every provider until it is stopped."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import threading

from flows.cli.arguments import add_store, find_store_path
from flows.signals import TERMINATED, forward_sigterm
from tasks.providers import PROVIDERS
from tasks.settings import read_settings, variable_name
from tasks.simulator.access import ADMIN_HEADER
from tasks.simulator.app import MOUNTS
from tasks.simulator.faults import MOMENTS, OPERATIONS, describe_faults
from tasks.simulator.server import serve

_HOW = """\
The first line of output is `READY http://127.0.0.1:PORT`, followed by the variables to export for
a run against this simulator. Any non-empty key is valid. Ctrl-C stops it.

A fault makes the next matching requests fail as they can fail at a vendor. From a shell, with a
header that web pages cannot send:

  ADMIN='{header}: 1'
  curl -H "$ADMIN" http://127.0.0.1:PORT/admin/faults \\
      -d '{"kind": "throttled", "mount": "ark", "operation": "create", "times": 2}'
  curl -H "$ADMIN" http://127.0.0.1:PORT/admin/faults              list all, and the pending ones
  curl -H "$ADMIN" -X DELETE http://127.0.0.1:PORT/admin/faults    remove the pending ones
  curl -H "$ADMIN" http://127.0.0.1:PORT/admin/ledger              all requests, and created jobs

From a script:

  from pathlib import Path
  from tasks.simulator.faults import Faults
  from tasks.simulator.server import serve

  faults = Faults()
  faults.inject("throttled", mount="ark", operation="create", times=2, retry_after="3")
  with serve(Path("vendor"), faults=faults) as base_url:
      ...

From a board: with [refuse:CODE] in its prompt, a create is rejected; with [fail:CODE], the job
fails. CODE is one of Ark's error codes, such as OutputVideoSensitiveContentDetected.

Options of every fault:

  mount       the provider: {mounts}
  operation   {operations}
  match       text that the request's path or body, or the job's prompt, must contain
  times       how often the fault applies; 1 by default, -1 for no limit
  after       how many matching requests are let through first

The faults, by the moment at which they apply. Where a fault has options of its own, an example
shows their defaults. Faults of different moments can apply to the same request.
"""

EXAMPLES = """\
# serve at a free port; the first line of output is the address
shotchain simulate
# at a fixed port, with jobs and files in a store of its own
shotchain simulate --port 8700 --store vendor
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `simulate`."""
    port = "the port; a free one by default"
    parser.add_argument("--port", metavar="N", type=_parse_port, default=0, help=port)
    add_store(parser)
    parser.epilog = faults_text()


def _parse_port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        msg = f"{text!r} is not a port: give a number up to 65535"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def faults_text() -> str:
    """Return how faults are injected, and every fault with its options and their defaults."""
    mounts = "\n              ".join(textwrap.wrap(", ".join(PROVIDERS), 70))
    values = {"mounts": mounts, "operations": ", ".join(OPERATIONS), "header": ADMIN_HEADER}
    how = _HOW
    for name, value in values.items():
        how = how.replace(f"{{{name}}}", value)
    lines = [how]
    for moment, description in MOMENTS.items():
        lines.append(f"{moment}: {description}")
        for fault in describe_faults():
            if fault["moment"] == moment:
                lines.append(f"  {fault['name']:18}{fault['says']}")
                if fault["options"]:
                    example = json.dumps({"kind": fault["name"], **fault["options"]})
                    lines.append(f"  {'':18}{example}")
        lines.append("")
    return "\n".join(lines)


def run_command(arguments: argparse.Namespace) -> int:
    """Serve until the process is interrupted, and return the exit code.

    Raises:
        NotConfigured: A setting is wrong, or the port cannot be used.
    """
    job_seconds = read_settings().simulator_job_seconds
    folder = find_store_path(arguments) / "simulator"
    with (
        forward_sigterm() as interrupt,
        serve(folder, port=arguments.port, job_seconds=job_seconds) as url,
    ):
        try:
            _announce(url, as_json=arguments.json)
            threading.Event().wait()
        except KeyboardInterrupt:
            return TERMINATED if interrupt.is_terminated else 0
    return 0


def _announce(url: str, *, as_json: bool) -> None:
    """Print the address at once, for programs that wait for it."""
    variables = {variable_name(name, "BASE_URL"): url + path for name, path in MOUNTS.items()}
    variables |= {variable_name(name, "API_KEY"): "simulated" for name in MOUNTS}
    admin = f"{url}/admin/faults"
    if as_json:
        document = {
            "ready": url,
            "export": variables,
            "admin": admin,
            "admin_headers": {ADMIN_HEADER: "1"},
            "faults": describe_faults(),
        }
        print(json.dumps(document), flush=True)
        return
    print(f"READY {url}", flush=True)
    for name, value in sorted(variables.items()):
        print(f"export {name}={value}", flush=True)
    print(f"POST faults to {admin}; `shotchain simulate --help` lists them", file=sys.stderr)
