"""`shotchain simulate`: the served simulator, and the help that tells of every fault on order."""

from __future__ import annotations

import argparse
import json
import sys
import threading

from flows.cli.arguments import Commands, add_command, add_store, find_store_path
from flows.signals import TERMINATED

_HOW = """\
Ctrl-C ends it. The first line is `READY http://127.0.0.1:PORT`; behind it stand the variables to
export for a run that is to meet it. Any key is good.

Whatever may go wrong at a vendor can be ordered for the next requests that fit. From a shell:

  curl -d '{"kind": "throttled", "mount": "ark", "operation": "create", "times": 2}' \\
      http://127.0.0.1:PORT/admin/faults
  curl http://127.0.0.1:PORT/admin/faults              every fault, and what is on order
  curl -X DELETE http://127.0.0.1:PORT/admin/faults    call everything off
  curl http://127.0.0.1:PORT/admin/ledger              every request, and the jobs that were taken

From a script:

  from pathlib import Path
  from tasks.simulator.faults import Faults
  from tasks.simulator.server import serve

  faults = Faults()
  faults.order("throttled", mount="ark", operation="create", times=2, retry_after="3")
  with serve(Path("vendor"), faults=faults) as base_url:
      ...

And from a board: [refuse:CODE] in a prompt has the create refused, [fail:CODE] has the job fail,
with a code of Ark's such as OutputVideoSensitiveContentDetected.

An order may narrow what it strikes:

  mount       the provider: {mounts}
  operation   {operations}
  match       words in the request's path or body, or in the prompt of its job
  times       how often it strikes: 1 unless it is said, -1 for ever
  after       how many requests that fit pass first

The faults, by when they strike; where one has options, an order with their defaults. Those of
different moments strike the same request together.
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Adds the faults once help is asked for: no other command pays for their table."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24)

    def add_text(self, text: str | None) -> None:
        super().add_text(faults_text() if text == _HOW else text)


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    command = add_command(commands, "simulate", "serve the simulator for every provider", _simulate)
    command.add_argument("--port", metavar="N", type=_port, default=0, help="else a free one")
    add_store(command)
    command.formatter_class = _Help
    command.epilog = _HOW


def faults_text() -> str:
    """How faults are ordered, and every fault with its options and their defaults."""
    from tasks.providers import PROVIDERS
    from tasks.simulator.faults import MOMENTS, OPERATIONS, describe_faults

    how = _HOW.replace("{mounts}", _wrapped(", ".join(PROVIDERS)))
    lines = [how.replace("{operations}", ", ".join(OPERATIONS))]
    for moment, when in MOMENTS.items():
        lines.append(f"{moment}: {when}")
        for row in describe_faults():
            if row["moment"] == moment:
                lines.append(f"  {row['name']:18}{row['says']}")
                if row["options"]:
                    order = json.dumps({"kind": row["name"], **row["options"]})
                    lines.append(f"  {'':18}{order}")
        lines.append("")
    return "\n".join(lines)


def _wrapped(words: str) -> str:
    from textwrap import wrap

    return "\n              ".join(wrap(words, 70))


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        msg = f"{text!r} is no port"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _simulate(arguments: argparse.Namespace) -> int:
    """Serve until it is stopped."""
    from flows.signals import forward_sigterm
    from tasks.settings import read_settings
    from tasks.simulator.server import serve

    settings = read_settings()
    store = find_store_path(arguments)
    with (
        forward_sigterm() as state,
        serve(
            store / "simulator", port=arguments.port, job_seconds=settings.simulator_job_seconds
        ) as root,
    ):
        try:
            _announce(root, as_json=arguments.json)
            threading.Event().wait()
        except KeyboardInterrupt:
            return TERMINATED if state.is_terminated else 0
    return 0


def _announce(root: str, *, as_json: bool) -> None:
    from tasks.settings import variable_name
    from tasks.simulator.app import MOUNTS
    from tasks.simulator.faults import describe_faults

    words = {variable_name(name, "BASE_URL"): root + path for name, path in MOUNTS.items()}
    words |= {variable_name(name, "API_KEY"): "simulated" for name in MOUNTS}
    admin = f"{root}/admin/faults"
    if as_json:
        told = {"ready": root, "export": words, "admin": admin, "faults": describe_faults()}
        print(json.dumps(told), flush=True)
        return
    print(f"READY {root}", flush=True)
    for name, word in sorted(words.items()):
        print(f"export {name}={word}", flush=True)
    print(f"faults on order: POST to {admin}; `shotchain simulate --help` tells", file=sys.stderr)
