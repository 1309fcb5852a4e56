"""All commands in one program, and the one place where errors become a sentence on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

import typer

from landbridge.cli import (
    ca,
    credentials,
    customer_gateway,
    demo,
    doctor,
    execute,
    lab,
    logs,
    plan,
    purge,
    serve,
    status,
    version,
    vpn_connection,
    why,
)
from landbridge.model.errors import LandbridgeError, OperatorError

DEBUG: Final = "LANDBRIDGE_DEBUG"

app = typer.Typer(
    name="landbridge",
    help="A self-hosted, AWS-compatible Site-to-Site VPN service.",
    epilog="Example: landbridge serve --lab",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help in a third of the time
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    serve,
    status,
    plan,
    execute,
    credentials,
    ca,
    vpn_connection,
    why,
    logs,
    lab,
    customer_gateway,
    demo,
    doctor,
    purge,
    version,
):
    group.register(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line (None: this process's). Answers the exit code."""
    try:
        answer = app(args=arguments, prog_name="landbridge", standalone_mode=False)
    except typer.TyperException as error:
        return _explain(error)
    except typer.Abort:
        return _fail("Aborted.", 1)
    except (LandbridgeError, OperatorError) as error:
        return _fail(str(error), 1)
    except ImportError as error:
        _debug()
        return _fail(f"The installation is not complete ({error.msg}). Run scripts/bootstrap, or install it again.", 1)
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        _debug()
        what = f"{error.filename}: " if error.filename else ""
        return _fail(f"{what}{error.strerror or error}.", 1)
    except Exception as error:  # noqa: BLE001 - the last resort: a sentence, not a traceback
        _debug()
        return _fail(
            f"It failed in a way that landbridge does not foresee ({type(error).__name__}). "
            f"Set {DEBUG}=1 to see where; the service's own log is where `landbridge serve` writes its errors.",
            1,
        )
    return answer if isinstance(answer, int) else 0


def _explain(error: typer.TyperException) -> int:
    message = error.format_message()
    if message.startswith("Usage:"):  # nothing was asked for: the whole help
        print(message, file=sys.stderr)
        return error.exit_code
    context = getattr(error, "ctx", None)
    hint = f" See `{context.command_path} --help`." if context is not None else ""
    return _fail(f"{message.replace('Value error, ', '').rstrip('.')}.{hint}", error.exit_code)


def _fail(message: str, code: int) -> int:
    sentence = " ".join(message.split())
    print(f"landbridge: {sentence}{'' if sentence.endswith('.') else '.'}", file=sys.stderr)
    return code


def _debug() -> None:
    if os.environ.get(DEBUG) == "1":
        raise
