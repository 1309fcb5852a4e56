"""`landbridge credentials`: access keys that sign EC2 requests; also while the service is stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from landbridge.cli.common import AsJson, State, client, columns, print_json
from landbridge.model.errors import Invalid, Missing
from landbridge.model.keys import Role
from landbridge.model.options import DEFAULT_REGION, DEFAULT_STATE, ServeOptions
from landbridge.model.regions import REGIONS
from landbridge.model.secret import Secret

if TYPE_CHECKING:
    from landbridge.api.client import AdminClient
    from landbridge.cli.aws_profile import Files

_LONGEST_SECRET: Final = 128
_DEFAULT_URL: Final = f"http://{ServeOptions().host}:{ServeOptions().port}"


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        help="Access keys for the EC2 API.",
        no_args_is_help=True,
        epilog="Example: landbridge credentials create --profile landbridge",
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
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write the key into a profile of the AWS CLI instead of printing it."),
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help=f"The profile's region.  [default: {DEFAULT_REGION}]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a profile that landbridge did not write.")] = False,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Make an access key and print it in AWS's credentials form: the secret is shown this once.

    Accounts see nothing of each other; one exists as soon as it has a key.

    With --profile it goes into the AWS CLI's ~/.aws/credentials and ~/.aws/config, with the service's address.
    """
    if (access_key_id is None) != (secret_access_key_file is None):
        raise typer.BadParameter(
            "Give both, or neither to have them drawn.", param_hint="--access-key-id, --secret-access-key-file"
        )
    if region is not None and region not in REGIONS:
        raise typer.BadParameter(f"'{region[:40]}' is none of AWS's regions, such as eu-central-1.")
    if profile is None and (region is not None or force):
        raise typer.BadParameter("They are about a profile: give --profile, too.", param_hint="--region, --force")
    secret = _secret(secret_access_key_file) if secret_access_key_file is not None else None
    target = _Target.of(profile, region, force=force) if profile is not None else None
    with _service(state) as service:
        made = service.create_credentials(access_key_id, secret, account=account, role=role)
        if target is not None:
            target.write(service, made)
    if target is not None:
        target.tell(made, as_json=as_json)
        return
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


@dataclass(frozen=True, slots=True)
class _Target:
    """The AWS CLI's profile that a key goes into. `former`: the key that it held before."""

    name: str
    region: str | None
    files: Files
    former: str

    @classmethod
    def of(cls, name: str, region: str | None, *, force: bool) -> _Target:
        from landbridge.cli.aws_profile import Files, check

        files = Files.of(os.environ)
        return cls(name, region, files, check(files, name, force=force))

    def write(self, service: AdminClient, made: dict[str, Any]) -> None:
        """Write the key into the profile; if that fails, there is no key either."""
        from landbridge.cli.aws_profile import Profile, write

        try:
            endpoint = service.endpoint()
            profile = Profile(
                name=self.name,
                access_key_id=made["access_key_id"],
                secret_access_key=Secret(made["secret_access_key"]),
                endpoint_url=endpoint.get("url") or _DEFAULT_URL,
                ca_bundle=endpoint.get("ca_bundle") or "",
                region=self.region,
            )
            write(self.files, profile)
        except BaseException:
            service.delete_credentials(made["access_key_id"])
            raise

    def tell(self, made: dict[str, Any], *, as_json: bool) -> None:
        """Say where the key is now, and not what it is."""
        where = {"credentials_file": str(self.files.credentials), "config_file": str(self.files.config)}
        if as_json:
            public = {name: value for name, value in made.items() if name != "secret_access_key"}
            print_json({**public, "profile": self.name, **where})
            return
        print(f"Profile {self.name} is in {self.files.credentials} and {self.files.config}.")
        print(f"Try: aws --profile {self.name} ec2 describe-vpcs")
        if self.former:
            print(f"Its former key is still good. To end that: landbridge credentials delete {self.former}")


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
    from landbridge.api.client import NotRunning

    with client(state) as service:
        try:
            service.credentials()
        except NotRunning:
            pass
        else:
            yield service
            return
    from landbridge.wiring.state import offline

    with offline(state) as itself:
        yield itself
