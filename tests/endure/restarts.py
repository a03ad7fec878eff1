"""Sandboxes with `--state` that are killed under load, and what must be known of them afterwards.

Several clients ask for different things at once and note each answer. After the kill, the next sandbox on the same
directory must know everything that was answered, under the same identifiers, and every idempotency token.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError

from tests.sandbox.conformance.world import csr
from tests.sandbox.killable import TRUST, Killable, activate, create_root, issue

if TYPE_CHECKING:
    from pathlib import Path

    Ask = Callable[["Clients"], Any]
    # How to ask again, and what must be the answer.
    Found = list[tuple[Ask, Any]]
    Request = Callable[[str, str, "Clients"], Found]

CLIENTS = 4
# AWS allows 200 CAs in an account, and what a sandbox keeps makes its start longer.
_KILLS_PER_DIRECTORY = 10
_MOST_ANSWERS = 60
_LONGEST_PAUSE_SECONDS = 0.02
_GIVE_UP_SECONDS = 120
# AWS keeps a token for five minutes.
_TOKEN_SECONDS = 240
_SERVICES = ("acm-pca", "iam", "sts", "ram", "eks")


class Clients:
    """The clients of one sandbox, for all threads."""

    def __init__(self, aws: Killable) -> None:
        self._aws = aws
        self._made = {service: aws.client(service) for service in _SERVICES}

    def __getitem__(self, service: str) -> Any:
        return self._made[service]

    def of(self, credentials: dict[str, str]) -> Any:
        """STS, for somebody with a session."""
        return self._aws.client("sts", credentials=credentials)


@dataclass(frozen=True)
class Fact:
    """Something that a sandbox answered.

    Attributes:
        ask: asks for it in a way that changes nothing if it is known.
        answer: what must come back.
        until: when a token that is involved is forgotten; None if none is.
    """

    ask: Ask
    answer: Any
    until: float | None = None


@dataclass
class World:
    """A directory, and what the sandboxes on it have answered.

    Attributes:
        directory: for the states.
        chance: chooses the requests and the moments.
        kills: how many there were.
        arn: of an active CA of the current directory; empty until there is one.
        facts: that the sandbox on the current directory must know.
        asked: requests with a token that got no answer.
        checked: how many facts were found again.
    """

    directory: Path
    chance: random.Random
    kills: int = 0
    arn: str = ""
    facts: list[Fact] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    checked: int = 0

    @property
    def state(self) -> Path:
        return self.directory / f"state-{self.kills // _KILLS_PER_DIRECTORY}"


class Load:
    """What several clients ask at once.

    Args:
        clients: of the sandbox.
        arn: of an active CA.
        world: what is answered is added to its facts.
    """

    def __init__(self, clients: Clients, arn: str, world: World) -> None:
        self._clients = clients
        self._arn = arn
        self._world = world
        self._answers = 0
        self._killed = self._ended = False
        self._change = threading.Condition()

    def run_until(self, answers: int, pause: float, kill: Callable[[], None]) -> None:
        """Let the clients ask, and kill the sandbox after so many answers and a pause."""
        seeds = [self._world.chance.getrandbits(32) for _ in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [pool.submit(self._work, seed) for seed in seeds]
            with self._change:
                self._change.wait_for(lambda: self._answers >= answers or self._ended, _GIVE_UP_SECONDS)
            # Puts the kill anywhere within a request, not only after an answer.
            time.sleep(pause)
            self._killed = True
            kill()
        for client in running:
            client.result()
        assert self._answers >= answers, f"{self._answers} of {answers} answers came"

    def _work(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - chooses requests
        requests, weights = zip(*_REQUESTS, strict=True)
        try:
            for number in itertools.count():
                self._ask(chance.choices(requests, weights)[0], f"{self._world.kills}-{seed}-{number}")
                if self._killed:
                    return
        finally:
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _ask(self, request: Request, name: str) -> None:
        until = time.time() + _TOKEN_SECONDS if request in _WITH_TOKEN else None
        try:
            found = request(self._arn, name, self._clients)
        except (BotoCoreError, ResponseParserError, OSError, KeyError):
            # A kill may also tear an answer apart: the last of these is one whose body never came.
            if not self._killed:
                raise
            if request is _issue:
                self._world.asked.append(partial(_issued, self._arn, name))
            return
        with self._change:
            self._world.facts.extend(Fact(ask, answer, until) for ask, answer in found)
            self._answers += 1
            self._change.notify_all()


def _issued(arn: str, token: str, clients: Clients) -> str:
    return issue(clients["acm-pca"], arn, _CSR, IdempotencyToken=token)


def _issue(arn: str, name: str, clients: Clients) -> Found:
    certificate = _issued(arn, name, clients)
    return [(partial(_issued, arn, name), certificate)]


def _fetched(arn: str, certificate: str, clients: Clients) -> str:
    found = clients["acm-pca"].get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate)
    return str(found["Certificate"])


def _issue_and_fetch(arn: str, _: str, clients: Clients) -> Found:
    certificate = issue(clients["acm-pca"], arn, _CSR)
    get = partial(_fetched, arn, certificate)
    return [(get, get(clients))]


def _described(arn: str, clients: Clients) -> Any:
    return clients["acm-pca"].describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]


def _create_authority(_: str, name: str, clients: Clients) -> Found:
    arn = create_root(clients["acm-pca"], IdempotencyToken=name)
    return [(partial(_described, arn), _described(arn, clients))]


def _role(name: str, clients: Clients) -> Any:
    found = clients["iam"].get_role(RoleName=name)["Role"]
    return {part: found[part] for part in ("Arn", "RoleId", "CreateDate")}


def _create_role(_: str, name: str, clients: Clients) -> Found:
    made = clients["iam"].create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]
    return [(partial(_role, name), {part: made[part] for part in ("Arn", "RoleId", "CreateDate")})]


def _keys(name: str, clients: Clients) -> list[str]:
    found = clients["iam"].list_access_keys(UserName=name)["AccessKeyMetadata"]
    return [key["AccessKeyId"] for key in found]


def _create_key(_: str, name: str, clients: Clients) -> Found:
    clients["iam"].create_user(UserName=name)
    made = clients["iam"].create_access_key(UserName=name)["AccessKey"]
    return [(partial(_keys, name), [made["AccessKeyId"]])]


def _share(share: str, clients: Clients) -> Any:
    return clients["ram"].get_resource_shares(resourceOwner="SELF", resourceShareArns=[share])["resourceShares"]


def _shared(arn: str, name: str, clients: Clients) -> Any:
    made = clients["ram"].create_resource_share(
        name=name, resourceArns=[arn], principals=["210987654321"], clientToken=name
    )
    return made["resourceShare"]


def _create_share(arn: str, name: str, clients: Clients) -> Found:
    made = _shared(arn, name, clients)
    return [(partial(_share, made["resourceShareArn"]), [made]), (partial(_shared, arn, name), made)]


def _association(identifier: str, clients: Clients) -> Any:
    found = clients["eks"].describe_pod_identity_association(clusterName=_CLUSTER, associationId=identifier)
    return found["association"]


def _associate(_: str, name: str, clients: Clients) -> Found:
    made = clients["eks"].create_pod_identity_association(
        clusterName=_CLUSTER, namespace="mesh", serviceAccount=f"n{name}", roleArn=_ROLE
    )["association"]
    return [(partial(_association, made["associationId"]), made)]


def _identity(credentials: dict[str, str], clients: Clients) -> Any:
    found = clients.of(credentials).get_caller_identity()
    return {part: found[part] for part in ("UserId", "Arn", "Account")}


def _assume(_: str, name: str, clients: Clients) -> Found:
    taken = clients["sts"].assume_role(RoleArn=_ROLE, RoleSessionName=name)
    user = taken["AssumedRoleUser"]
    answer = {"UserId": user["AssumedRoleId"], "Arn": user["Arn"], "Account": "123456789012"}
    return [(partial(_identity, taken["Credentials"]), answer)]


_CLUSTER, _ROLE = "zone", "arn:aws:iam::123456789012:role/zone"
_CSR = csr()
_REQUESTS: tuple[tuple[Request, int], ...] = (
    (_issue, 40),
    (_issue_and_fetch, 10),
    (_create_authority, 3),
    (_create_role, 10),
    (_create_key, 10),
    (_create_share, 10),
    (_associate, 10),
    (_assume, 5),
)
_WITH_TOKEN = (_issue, _create_share)


def prepare(clients: Clients) -> str:
    """What the clients need: an active CA, whose ARN is returned, a role and a cluster."""
    arn = create_root(clients["acm-pca"])
    activate(clients["acm-pca"], arn)
    clients["iam"].create_role(RoleName="zone", AssumeRolePolicyDocument=TRUST)
    clients["eks"].create_cluster(name=_CLUSTER, roleArn=_ROLE, resourcesVpcConfig={"subnetIds": ["a", "b"]})
    return arn


def check(clients: Clients, world: World) -> None:
    """Look for everything that was answered."""
    for fact in world.facts:
        if fact.until is None or time.time() < fact.until:
            answer = fact.ask(clients)
            assert answer == fact.answer, f"{fact.ask}: {answer} is not {fact.answer}"
            world.checked += 1
    for ask in world.asked:
        assert ask(clients) == ask(clients), f"{ask} gives two certificates"
    world.asked.clear()


def kill(world: World) -> int:
    """Kill a sandbox under load, and look in the next one for everything that was answered.

    Returns:
        How many answers were found again.
    """
    before = world.checked
    with Killable(world.state) as aws:
        clients = Clients(aws)
        world.arn = world.arn or prepare(clients)
        load = Load(clients, world.arn, world)
        answers = world.chance.randint(1, _MOST_ANSWERS)
        load.run_until(answers, world.chance.uniform(0, _LONGEST_PAUSE_SECONDS), aws.kill)
    with Killable(world.state) as aws:
        check(Clients(aws), world)
        said = aws.stop()
        assert "Traceback" not in said, said
    world.kills += 1
    if world.kills % _KILLS_PER_DIRECTORY == 0:
        world.facts, world.arn = [], ""
    return world.checked - before
