"""What an action of CloudWatch's gets to work with, and what several of them ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from landbridge.api.aws.cloudwatch.catalogue import catalogue
from landbridge.api.aws.errors import Ec2Error
from landbridge.api.aws.tokens import place_of, query_of, token_of
from landbridge.observe.metrics import Metrics

Params = Mapping[str, Any]
"""A request's parameters, parsed by the botocore model: botocore's member names as keys."""

Shape = dict[str, Any]
"""A reply in the form of the operation's output shape: botocore's member names as keys."""

NEXT = "NextToken"


class WatchDesk:
    """One request's view: who asks, and what was seen up to `now`. `known`: the caller's metrics."""

    def __init__(self, metrics: Metrics, account: str, region: str, now: datetime) -> None:
        self.metrics = metrics
        self.account = account
        self.region = region
        self.now = now
        self.known = catalogue(metrics, account, region)

    def place(self, action: str, params: Params) -> str | None:
        """Where to go on; None: at the beginning.

        Raises:
            Ec2Error: InvalidNextToken, for a token of another query.
        """
        token = params.get(NEXT)
        if token is None:
            return None
        try:
            return place_of(token, self._query(action, params))
        except ValueError:
            raise no_token() from None

    def token(self, action: str, params: Params, place: str) -> str:
        """The token to go on after that place."""
        return token_of(self._query(action, params), place)

    def _query(self, action: str, params: Params) -> bytes:
        asked = {name: value for name, value in params.items() if name not in (NEXT, "MaxDatapoints")}
        return query_of(action, self.account, self.region, asked)


def no_token() -> Ec2Error:
    """The refusal of a token that was not given out for this query."""
    return Ec2Error("InvalidNextToken", "The NextToken is none of this query's. Begin again without it.")


Action = Callable[[WatchDesk, Params], Shape]
