"""Accounts of a built image: /etc/passwd, /etc/shadow and /etc/group as a container sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TypeVar

from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings
from pytest_dockerharden.model.image import Account, Image
from pytest_dockerharden.model.remedies import advice

_T = TypeVar("_T", bound=Hashable)
# nobody but root need read these
_SECRET = frozenset({"/etc/shadow", "/etc/gshadow", "/etc/sudoers"})


@control(severity="high", cis="4.1", nist="4.1.2", equivalents={"dockle": "DKL-LI-0001"})
def built_without_empty_passwords(image: Image) -> Findings:
    """No account of the image lets in whoever asks.

    An empty password field in /etc/shadow or /etc/passwd means that `su` and every login service ask for none.

    Bad::

        FROM debian:12.5
        RUN echo 'guest::4242:4242::/:/bin/sh' >>/etc/passwd  # <-

    Good::

        FROM debian:12.5
        RUN echo 'guest:x:4242:4242::/:/bin/sh' >>/etc/passwd && echo 'guest:!:19000::::::' >>/etc/shadow
    """
    shadowed = {account.name: account for account in image.accounts.value if account.kind == "shadow"}
    for account in _accounts(image, "passwd"):
        if account.open or (account.name in shadowed and shadowed[account.name].open):
            file = "passwd" if account.open else "shadow"
            message = f"{account.name} needs no password"
            text = f"{account.name}: the password field is empty"
            yield image.finding(message, f"/etc/{file}", text, advice(f"RUN passwd --lock {account.name}"))


@control(severity="high", cis="4.1", nist="4.1.2")
def built_with_one_root(image: Image) -> Findings:
    """No account but root has the uid 0.

    A second name for root passes where somebody looks for `root`, in USER for instance, and is root all the same.

    Bad::

        FROM debian:12.5
        RUN echo 'toor:x:0:0::/:/bin/sh' >>/etc/passwd  # <-

    Good::

        FROM debian:12.5
        RUN echo 'app:x:10001:0::/:/bin/sh' >>/etc/passwd
    """
    for account in _accounts(image, "passwd"):
        if account.number == 0 and account.name != "root":
            message = f"{account.name} is root by another name"
            yield image.finding(message, "/etc/passwd", f"{account.name}: uid 0", advice("RUN usermod --uid 10001 ..."))


@control(severity="medium", optional=True, nist="4.1.2", equivalents={"dockle": "DKL-LI-0002"})
def built_with_unique_ids(image: Image) -> Findings:
    """Users and groups of the image have names and numbers of their own.

    Two users of one number are the same to the kernel: each may do what the other may. Of two lines with one name the
    first counts, whatever the second says.

    Bad::

        FROM debian:12.5
        RUN printf 'one:x:4242:4242::/:/bin/sh\\ntwo:x:4242:4242::/:/bin/sh\\n' >>/etc/passwd  # <-

    Good::

        FROM debian:12.5
        RUN printf 'one:x:4242:4242::/:/bin/sh\\ntwo:x:4243:4242::/:/bin/sh\\n' >>/etc/passwd
    """
    for file, what in (("passwd", "uid"), ("group", "gid")):
        accounts = [account for account in image.accounts.value if account.kind == file]
        for number in _several(account.number for account in accounts if account.number >= 0):
            names = ", ".join(account.name for account in accounts if account.number == number)
            yield image.finding(f"{names} have the {what} {number}", f"/etc/{file}", names, advice("RUN usermod ..."))
        for name in _several(account.name for account in accounts):
            yield image.finding(f"{name} is twice in /etc/{file}", f"/etc/{file}", name, advice("remove a line"))


@control(severity="medium", nist="4.1.2")
def built_account_files_are_protected(image: Image) -> Findings:
    """Only root may change the accounts, and read the hashes of passwords.

    Whoever can write /etc/passwd makes himself root. Hashes that everybody reads are guessed elsewhere.

    Bad::

        FROM debian:12.5
        RUN chmod 666 /etc/passwd  # <-

    Bad::

        FROM debian:12.5
        RUN echo 'root:*:19000::::::' >/etc/shadow && chmod 644 /etc/shadow  # <-

    Good::

        FROM debian:12.5
        RUN chmod 644 /etc/passwd && echo 'root:*:19000::::::' >/etc/shadow && chmod 600 /etc/shadow
    """
    for file in image.visible("account"):
        if file.mode & 0o002:
            message = f"everybody may write {file.path}"
        elif file.uid != 0:
            message = f"{file.path} belongs to the uid {file.uid}"
        elif file.path in _SECRET and file.mode & 0o004:
            message = f"everybody may read {file.path}"
        else:
            continue
        mode = "600" if file.path in _SECRET else "644"
        yield image.finding_in(file, message, advice(f"RUN chown root {file.path} && chmod {mode} {file.path}"))


def _accounts(image: Image, kind: str) -> list[Account]:
    accounts = [account for account in image.accounts.value if account.kind == kind]
    if not accounts:
        not_applicable(f"the image has no /etc/{kind}")
    return accounts


def _several(values: Iterable[_T]) -> list[_T]:
    return [value for value, number in Counter(values).items() if number > 1]
