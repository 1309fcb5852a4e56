"""A profile in the AWS CLI's two files: its own sections are written, and all else stays as it is, to the byte.

A section that landbridge wrote begins with a comment that says so; another section of that name is somebody's, and is
replaced only by force. Source of the form: "Configuration and credential file settings", AWS CLI User Guide.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from landbridge.model.errors import Conflict, Invalid, OperatorError
from landbridge.model.options import DEFAULT_REGION
from landbridge.model.secret import Secret

MARK: Final = "# Written by `landbridge credentials create --profile`, which sets these anew when it is run again."
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}", re.ASCII)
_HEADER: Final = re.compile(r"\[(.+)\]")
_SETTING: Final = re.compile(r"([^\s=:#;\[][^=:]*?)\s*[=:]")
_LARGEST: Final = 1 << 20


class ProfileError(OperatorError):
    """The profile cannot be written. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile says.

    `ca_bundle`: a file that the client has to trust, or nothing. `region`: None leaves that of a profile of ours.
    """

    name: str
    access_key_id: str
    secret_access_key: Secret
    endpoint_url: str
    ca_bundle: str
    region: str | None


@dataclass(frozen=True, slots=True)
class Files:
    """Where profiles are: the environment's choice, or AWS's usual places."""

    credentials: Path
    config: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Files:
        """As AWS's own tools find them."""
        return cls(
            _path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"),
            _path(environment.get("AWS_CONFIG_FILE") or "~/.aws/config"),
        )


def check(files: Files, name: str, *, force: bool) -> str:
    """See that a profile of that name can be written. Answers the access key id that it holds now, if it is ours.

    Raises:
        Invalid: that is no name for a profile.
        Conflict: somebody else's profile has the name.
        ProfileError: a file cannot be read, or not be understood.
    """
    if _NAME.fullmatch(name) is None:
        raise Invalid("profile", f"'{name[:80]}' is no name for a profile: use letters, digits and _ . @ + -")
    held = ""
    for path, matches in ((files.credentials, _in_credentials(name)), (files.config, _in_config(name))):
        section = _Section.find(_read(path), matches)
        if section is None:
            continue
        if not section.ours and not force:
            raise Conflict(
                f"There is a profile '{name}' in {path} already, and it was not written by landbridge. "
                "Choose another name, or replace it with --force."
            )
        if section.ours:
            held = held or section.values().get("aws_access_key_id", "")
    return held


def write(files: Files, profile: Profile) -> None:
    """Write the profile into both files, or into neither. `check` it first.

    Raises:
        ProfileError: it cannot be written.
    """
    credentials = {
        "aws_access_key_id": profile.access_key_id,
        "aws_secret_access_key": profile.secret_access_key.reveal(),
        "aws_session_token": None,
    }
    found = _Section.find(_read(files.config), _in_config(profile.name))
    had = found.values().get("region") if found is not None and found.ours else None
    config = {
        "region": profile.region or had or DEFAULT_REGION,
        "endpoint_url": profile.endpoint_url,
        "ca_bundle": profile.ca_bundle or None,
    }
    heading = profile.name if profile.name == "default" else f"profile {profile.name}"
    before = _replaced(files.config, _in_config(profile.name), heading, config)
    try:
        _replaced(files.credentials, _in_credentials(profile.name), profile.name, credentials)
    except BaseException:
        with suppress(OSError):
            files.config.unlink() if before is None else _save(files.config, before)
        raise


# --- one section of a file --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Section:
    """A section by its lines: the header's number and that behind its last one."""

    lines: list[str]
    begin: int
    end: int

    @classmethod
    def find(cls, text: str, matches: Callable[[str], bool]) -> _Section | None:
        lines = text.split("\n")
        headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
        for number, following in pairwise([*headers, len(lines)]):
            found = _HEADER.match(lines[number])
            if found is not None and matches(found[1]):
                return cls(lines, number, following)
        return None

    @property
    def body(self) -> list[str]:
        return self.lines[self.begin + 1 : self.end]

    @property
    def ours(self) -> bool:
        return any(line.strip() == MARK for line in self.body)

    def values(self) -> dict[str, str]:
        found = ((_SETTING.match(line), line) for line in self.body)
        return {setting[1].lower(): line[setting.end() :].strip() for setting, line in found if setting is not None}

    def without(self, names: Mapping[str, object]) -> list[str]:
        """What stays of the body: of ours all but what is set anew, of somebody else's what is about the next one."""
        if not self.ours:
            last = max((number for number, line in enumerate(self.body) if not _is_idle(line)), default=-1)
            return self.body[last + 1 :]
        kept: list[str] = []
        dropping = False
        for line in self.body:
            setting = _SETTING.match(line)
            if setting is not None:
                dropping = setting[1].lower() in names
            elif _is_idle(line):
                dropping = False
            if not dropping and line.strip() != MARK:
                kept.append(line)
        return kept


def _is_idle(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith(("#", ";"))


def _with_section(text: str, matches: Callable[[str], bool], heading: str, settings: Mapping[str, str | None]) -> str:
    """The file's text with that section in it. A setting that is None is left out."""
    end = "\r" if "\r\n" in text else ""
    own = [f"{line}{end}" for line in (MARK, *(f"{k} = {v}" for k, v in settings.items() if v is not None))]
    section = _Section.find(text, matches)
    if section is None:
        before = text if not text or text.endswith("\n") else f"{text}{end}\n"
        gap = f"{end}\n" if before and not before.endswith(f"\n{end}\n") else ""
        return before + gap + "\n".join([f"[{heading}]{end}", *own, ""])
    kept = section.without(settings) or [""]
    return "\n".join([*section.lines[: section.begin + 1], *own, *kept, *section.lines[section.end :]])


def _in_credentials(name: str) -> Callable[[str], bool]:
    return lambda header: header.strip() == name


def _in_config(name: str) -> Callable[[str], bool]:
    def matches(header: str) -> bool:
        try:
            words = shlex.split(header)
        except ValueError:
            return False
        return words == (["default"] if name == "default" else ["profile", name])

    return matches


# --- files ------------------------------------------------------------------------------------------------------------


def _path(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser()


def _read(path: Path) -> str:
    """The file's text; nothing if it is not there.

    Raises:
        ProfileError: it is no file that AWS's tools could read.
    """
    try:
        if path.exists() and not path.is_file():
            raise ProfileError(f"{path} is no regular file. Name another one in AWS_CONFIG_FILE or elsewhere.")
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ProfileError(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise ProfileError(f"{path} is not UTF-8. Mend it, then try again.") from None
    if len(text) > _LARGEST:
        raise ProfileError(f"{path} is larger than {_LARGEST} bytes: that is hardly a file of profiles.")
    _sections(path, text)
    return text


def _sections(path: Path, text: str) -> dict[str, dict[str, str]]:
    """All that the file says, as AWS's tools read it."""
    parser = configparser.RawConfigParser(default_section="\0")
    try:
        parser.read_string(text)
    except configparser.Error:  # its message quotes lines, and those may be secrets
        raise ProfileError(f"{path} cannot be understood, nor by AWS's own tools. Mend it, then try again.") from None
    return {name: dict(parser[name]) for name in parser.sections()}


def _replaced(
    path: Path, matches: Callable[[str], bool], heading: str, settings: Mapping[str, str | None]
) -> str | None:
    """Write the section into the file. Answers the text that was there; None if there was no file."""
    if any(not value.isprintable() for value in settings.values() if value is not None):
        raise ProfileError(f"A setting for {path} has characters that its form cannot hold. Use plain names and paths.")
    existed, before = path.exists(), _read(path)
    after = _with_section(before, matches, heading, settings)
    _check_the_rest(path, before, after, matches, {k: v for k, v in settings.items() if v is not None})
    try:
        _save(path, after)
    except OSError as error:
        raise ProfileError(f"{path} cannot be written ({error.strerror}).") from None
    return before if existed else None


def _check_the_rest(
    path: Path, before: str, after: str, matches: Callable[[str], bool], settings: Mapping[str, str]
) -> None:
    """What is in other sections must mean what it meant, and ours what it says, however the file is written."""
    was, now = _sections(path, before), _sections(path, after)
    others = ({name: of[name] for name in of if not matches(name)} for of in (was, now))
    said = [values for name, values in now.items() if matches(name)]
    if next(others) != next(others) or len(said) != 1 or not settings.items() <= said[0].items():
        raise ProfileError(f"{path} is written in a way that a section cannot be added to. Add the profile by hand.")


def _save(path: Path, text: str) -> None:
    """Replace the file as a whole, keeping its mode and owner; what is new is private, and its folder's owner's."""
    target = Path(os.path.realpath(path))
    if not target.parent.exists():
        target.parent.mkdir(mode=0o700, parents=True)
        _give(target.parent, target.parent.parent.stat())
    there = target.stat() if target.exists() else None
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _give(Path(temporary), there or target.parent.stat())
        os.chmod(temporary, stat.S_IMODE(there.st_mode) if there else 0o600)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _give(path: Path, like: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.chown(path, like.st_uid, like.st_gid)
