"""`landbridge credentials`: access keys that sign EC2 requests; also while the service is stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from landbridge.cli.common import AsJson, State, client, columns, print_json
from landbridge.model.errors import Invalid, Missing
from landbridge.model.options import DEFAULT_STATE
from landbridge.model.resources import Role

if TYPE_CHECKING:
    from landbridge.api.client import AdminClient

_LONGEST_SECRET: Final = 128


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        help="Access keys for the EC2 API.",
        no_args_is_help=True,
        epilog="Example: landbridge credentials create",
    )
    group.command(
        epilog="Example: landbridge credentials create --access-key-id CI --secret-access-key-file secret.txt"
    )(create)
    group.command("list", epilog="Example: landbridge credentials list")(list_)
    group.command(epilog="Example: landbridge credentials delete LKIAEXAMPLE234567ABCD")(delete)
    app.add_typer(group, name="credentials")


def create(
    account: Annotated[
        str | None, typer.Option(metavar="DIGITS", help="The account, twelve digits; else the service's first one.")
    ] = None,
    role: Annotated[
        Role,
        typer.Option(help="admin: everything; operator: all but access keys; read-only: no change, no pre-shared key."),
    ] = Role.ADMIN,
    access_key_id: Annotated[str | None, typer.Option(metavar="ID", help="The key's id; else one is drawn.")] = None,
    secret_access_key_file: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="A file with the secret access key, or - for standard input."),
    ] = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Make an access key and print it in AWS's credentials form: the secret is shown this once.

    Accounts see nothing of each other; one exists as soon as it has a key.
    """
    if (access_key_id is None) != (secret_access_key_file is None):
        raise typer.BadParameter(
            "Give both, or neither to have them drawn.", param_hint="--access-key-id, --secret-access-key-file"
        )
    secret = _secret(secret_access_key_file) if secret_access_key_file is not None else None
    with _service(state) as service:
        made = service.create_credentials(access_key_id, secret, account=account, role=role)
    if as_json:
        print_json(made)
        return
    print("[default]")
    print(f"aws_access_key_id = {made['access_key_id']}")
    print(f"aws_secret_access_key = {made['secret_access_key']}")


def list_(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """List the access keys of all accounts, without their secrets."""
    with _service(state) as service:
        keys = service.credentials()
    if as_json:
        print_json(keys)
        return
    print(columns(("ACCESS KEY ID", "ACCOUNT", "ROLE", "CREATED"), [_row(key) for key in keys]))


def delete(access_key_id: Annotated[str, typer.Argument(metavar="ID")], state: State = DEFAULT_STATE) -> None:
    """Delete an access key: requests signed with it are refused from now on."""
    with _service(state) as service:
        service.delete_credentials(access_key_id)


def _row(key: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(key[name]) for name in ("access_key_id", "account", "role", "created"))


def _secret(source: str) -> str:
    """The secret in a file: its first line, without the line's end."""
    if source == "-":
        text = sys.stdin.readline(_LONGEST_SECRET + 2)
    else:
        with Path(source).open(encoding="utf-8", errors="replace") as file:
            text = file.readline(_LONGEST_SECRET + 2)
    secret = text.strip()
    if not secret:
        raise Missing("a secret access key in the first line of --secret-access-key-file")
    if len(secret) > _LONGEST_SECRET:
        raise Invalid("SecretAccessKey", f"A secret access key has at most {_LONGEST_SECRET} characters.")
    return secret


@contextmanager
def _service(state: Path) -> Iterator[AdminClient]:
    """The running service, or else its state, opened by ourselves as long as we need it."""
    from landbridge.api.client import AdminClient, NotRunning

    with client(state) as service:
        try:
            service.credentials()
        except NotRunning:
            pass
        else:
            yield service
            return
    from landbridge.wiring.state import ACCOUNT, REGION, offline

    with offline(state) as control, AdminClient.offline(control, account=ACCOUNT, region=REGION) as itself:
        yield itself
