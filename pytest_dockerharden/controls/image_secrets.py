"""Credentials in a Dockerfile, and ways by which they get into an image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Literal

from pytest_dockerharden.model.build import instructions, may_ship, mentions, mounts, plain, runs
from pytest_dockerharden.model.control import control
from pytest_dockerharden.model.dockerfile import Dockerfile, Instruction, Pair, Stage
from pytest_dockerharden.model.fact import not_applicable
from pytest_dockerharden.model.finding import Findings, Remedy
from pytest_dockerharden.model.ignorefile import IgnoreFile
from pytest_dockerharden.model.known_images import default_user
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.remedies import advice, insert_behind, text_edit
from pytest_dockerharden.model.secrets import (
    has_url_credentials,
    is_for_browsers,
    is_literal_secret,
    is_secret_name,
    looks_like_secret,
)
from pytest_dockerharden.model.shell import Command, Word

_MOUNT = advice("RUN --mount=type=secret,id=NAME,env=NAME ...")
_NO_SECRET = pattern(r"(/var)?/run/secrets/\S*|(?i:true|false|yes|no|on|off|none)|")
_REFERENCE = pattern(r"\$|\A/run/secrets/|\A/var/run/secrets/")
_IN_VARIABLES: dict[str, str | tuple[str, ...]] = {
    "trivy": "DS-0031",
    "hadolint": "DL3064",
    "semgrep": "secret-in-build-arg",
    "buildkit": "SecretsUsedInArgOrEnv",
    "tally": ("tally/ruby/secrets-in-arg-or-env", "tally/ruby/prefer-secret-mounts-for-build-credentials"),
    "sonar": "S6472",
    "dockle": "CIS-DI-0010",
    "docker-bench": "4.10",
}


@control(
    severity="critical",
    cis="4.10",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents=_IN_VARIABLES,
)
def no_secrets_in_build_variables(dockerfile: Dockerfile) -> Findings:
    """No credential is handed over in ARG or ENV.

    Both stay in the image for good: `docker history` shows build arguments, `docker inspect` the environment. Mount a
    secret for the one RUN that needs it, and give a running container its secrets as files.

    Bad::

        FROM node:22-slim
        ARG NPM_TOKEN  # <-
        ENV DB_PASSWORD=$PASSWORD  # <-

    Good::

        FROM node:22-slim
        ENV DB_PASSWORD_FILE=/run/secrets/db_password \\
            TOKENIZERS_PARALLELISM=false
        RUN --mount=type=secret,id=npm_token,env=NPM_TOKEN npm ci
    """
    for instruction, pair in _secret_variables(dockerfile):
        if pair.value is None or not _is_written_out(pair.value):
            message = f"{instruction.keyword} {pair.key.text} puts a credential into the image"
            yield instruction.finding(message, _MOUNT, at=pair.origin)


@control(
    severity="critical",
    cis="4.10",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents=_IN_VARIABLES | {"kics": "passwords_and_secrets"},
)
def no_secret_values_in_build_variables(dockerfile: Dockerfile) -> Findings:
    """No ARG or ENV has a credential for its value.

    It is in the repository, in the image and in the environment of every process that the container starts. A
    "default" is what production runs with one day.

    Bad::

        FROM node:22-slim
        ENV DB_PASSWORD=hunter2  # <-
        ARG API_KEY=4f3c2a1b9d8e  # <-

    Good::

        FROM node:22-slim
        ENV DB_PASSWORD_FILE=/run/secrets/db_password
        RUN --mount=type=secret,id=api_key,env=API_KEY ./fetch
    """
    for instruction, pair in _secret_variables(dockerfile):
        if pair.value is not None and _is_written_out(pair.value):
            message = f"{instruction.keyword} {pair.key.text} puts a credential into the image"
            yield instruction.finding(message, _MOUNT, at=pair.origin)


def _secret_variables(dockerfile: Dockerfile) -> Iterator[tuple[Instruction, Pair]]:
    for instruction in dockerfile.instructions:
        actual = instruction.nested or instruction
        if actual.keyword in {"ARG", "ENV"}:
            yield from ((actual, pair) for pair in actual.pairs if _holds_secret(actual, pair))


def _is_written_out(value: Word) -> bool:
    return value.text != "" and not value.raw.strip('"').startswith("$")


def _holds_secret(instruction: Instruction, pair: Pair) -> bool:
    name, value = pair.key.text, pair.value
    if is_for_browsers(name) or (not is_secret_name(name) and name != "AWS_ACCESS_KEY_ID"):  # half of a credential
        return False
    if instruction.keyword == "ARG" and (value is None or value.text == ""):
        return True
    return value is not None and not _NO_SECRET.fullmatch(value.text)


@control(
    severity="critical",
    cis="4.10",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents={
        "kics": "passwords_and_secrets",
        "trivy": "DS-0031",
        "tally": "tally/secrets-in-code",
        "sonar": "S6437",
    },
)
def no_literal_secrets_in_dockerfile(dockerfile: Dockerfile) -> Findings:
    """No credential is written out in the Dockerfile.

    Whoever reads the repository or the image's history has it, and a later `rm` or `unset` does not take it back.

    Bad::

        FROM alpine:3.22
        RUN wget --header "X-Token: ghp_0123456789abcdefghijABCDEFGHIJ012345" https://api.example.com/x  # <-
        RUN curl -u admin:hunter2-S3cret https://example.com/file  # <-

    Good::

        FROM alpine:3.22
        RUN --mount=type=secret,id=token,env=TOKEN \\
            wget --header "X-Token: $TOKEN" https://api.example.com/x
        RUN --mount=type=secret,id=netrc,target=/root/.netrc curl -n https://example.com/file
    """
    for instruction in dockerfile.instructions:
        actual = instruction.nested or instruction
        for origin in dict.fromkeys(_literals(actual)):
            yield actual.finding("a credential is written out", _MOUNT, at=origin)


def _literals(instruction: Instruction) -> Iterator[TextOrigin]:
    for pair in instruction.pairs:
        value = pair.value.text if pair.value else ""
        shaped = len(value) > 12 and looks_like_secret(value) and not has_url_credentials(value)
        named = instruction.keyword == "LABEL" and is_literal_secret(pair.key.text, value)
        if shaped or named:
            yield pair.origin
    for heredoc in instruction.heredocs:
        if looks_like_secret(heredoc.body) and not has_url_credentials(heredoc.body):
            yield heredoc.origin
    if instruction.keyword in {"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"}:
        if _worth_parsing(instruction):
            for command in instruction.script.commands:
                yield from _command_literals(command)
    elif (
        instruction.keyword == "ADD"
        and looks_like_secret(instruction.text)
        and not has_url_credentials(instruction.text)
    ):
        yield instruction.origin


_CREDENTIAL_TOOLS = (
    "curl",
    "wget",
    "mysql",
    "mysqladmin",
    "mysqldump",
    "sshpass",
    "htpasswd",
    "psql",
    "docker",
    "redis-cli",
    "useradd",
    "usermod",
    "aws",
)
_WORTH = (
    "curl", "wget", "mysql", "sshpass", "htpasswd", "docker", "redis-cli", "useradd", "usermod", "passw", "secret",
    "token", "key", "begin", "export",
)  # fmt: skip
_LONG = pattern(r"[A-Za-z0-9_-]{30}")


def _worth_parsing(instruction: Instruction) -> bool:
    texts = (instruction.text, *(heredoc.body for heredoc in instruction.heredocs))
    return mentions(instruction, *_WORTH) or any(map(_LONG.search, texts))


# what a build step is given because it asks for a value, and forgets: `SECRET_KEY_BASE=dummy rails assets:precompile`
_STAND_IN = pattern(
    r"(?i)(?<![a-z])(dummy|placeholder|fake|throwaway|unused|unneeded|ignored|whatever|precompile|"
    r"not[-_]?(used|needed|required|a[-_]secret)|build[-_]?(time|only))(?![a-z])"
)


def _command_literals(command: Command) -> Iterator[TextOrigin]:
    for variable, assigned in command.assignments:
        if is_literal_secret(variable, assigned.text) and not _STAND_IN.search(assigned.text):
            yield assigned.origin
    if command.name in {"sh", "bash"} and command.has("-c"):
        return  # its commands follow
    exports = command.name in {"export", "declare", "env"}
    for word in command.args:
        name, equals, value = word.text.partition("=")
        # no token format is shorter
        shaped = len(word.text) > 12 and looks_like_secret(word.text) and not has_url_credentials(word.text)
        if shaped or (exports and equals and is_literal_secret(name, value)):
            yield word.origin
    if command.name in _CREDENTIAL_TOOLS:
        password = _password_argument(command)
        if password is not None:
            yield password.origin


def _password_argument(command: Command) -> Word | None:
    """The word with the literal password of a tool that is known to take one on its command line."""
    args = command.args
    for word, following in zip_longest(args, args[1:]):
        taken = _takes_password(command, plain(word), plain(following) if following is not None else "")
        if taken:
            return following if taken == "next" and following is not None else word
    if command.name == "htpasswd" and len(args) > 2 and command.has("-b") and _is_literal(plain(args[-1])):
        return args[-1]
    return None


def _takes_password(command: Command, text: str, value: str) -> Literal["", "this", "next"]:
    """Whether a word, or the one that follows it, is a literal credential."""
    name = command.name
    if name in {"curl", "wget"} and _is_authorization(text, value):
        return "next" if text in {"-H", "--header"} else "this"
    if name == "curl" and text in {"-u", "--user", "--proxy-user", "-U"}:
        user, _, secret = value.partition(":")
        return "next" if _is_literal(secret) and _is_literal(user) else ""
    if name == "docker" and text in {"-p", "--password"}:
        return "next" if _is_literal(value) and plain(command.args[0]) == "login" else ""
    if name in {"useradd", "usermod"} and text in {"-p", "--password"}:
        return "next" if _is_literal(value) and value[0] not in "!*" else ""
    if name == "aws" and text in {"aws_secret_access_key", "aws_session_token"}:
        return "next" if _is_literal(value) else ""
    return "this" if _holds_password(name, text, value) else ""


def _holds_password(name: str, text: str, value: str) -> bool:
    if name == "wget" and re.match(r"--(http-|ftp-|proxy-)?password=.", text):
        return _is_literal(text.split("=", 1)[1])
    if name == "sshpass" and text.startswith("-p"):
        return _is_literal(text[2:] or value)
    return bool(name.startswith("mysql") and re.match(r"(-p|--password=).", text) and _is_literal(text))


_AUTHORIZATION = pattern(
    r"(?i)(?:--header=)?(?:proxy-)?authorization:\s*(?:bearer|basic|token)\s+(\S{8,})\Z", needs=("authorization",)
)


def _is_authorization(option: str, value: str) -> bool:
    """Whether ``-H VALUE`` or ``--header=VALUE`` logs in with a literal credential."""
    header = value if option in {"-H", "--header"} else option if option.startswith("--header=") else ""
    match = _AUTHORIZATION.match(header)
    return match is not None and _is_literal(match[1])


def _is_literal(value: str) -> bool:
    return bool(value) and not _REFERENCE.search(value) and "`" not in value


@control(
    severity="high",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents={"kics": "passwords_and_secrets", "tally": "tally/secrets-in-code", "sonar": "S6437"},
)
def no_credentials_in_urls(stage: Stage) -> Findings:
    """No URL of the build holds a password.

    `https://user:token@host` is in the image's history, in the build log, and with `git clone` in the `.git/config`
    that is copied along.

    Bad::

        FROM alpine:3.22
        RUN git clone https://bot:s3cr3t-t0ken@git.example.com/app.git  # <-

    Good::

        FROM alpine:3.22
        RUN --mount=type=ssh git clone git@git.example.com:app.git
    """
    for instruction in stage.instructions:
        actual = instruction.nested or instruction
        if "@" not in actual.text and not any("@" in heredoc.body for heredoc in actual.heredocs):
            continue
        for pair in actual.pairs:
            if pair.value is not None and has_url_credentials(pair.value.text):
                yield actual.finding("the URL holds a password", _MOUNT, at=pair.origin)
        for heredoc in actual.heredocs:
            if actual.keyword != "RUN" and has_url_credentials(heredoc.body):
                yield actual.finding("a URL holds a password", _MOUNT, at=heredoc.origin)
        if actual.keyword in {"ADD", "COPY"}:
            words = actual.words
        else:
            words = tuple(
                w for c in actual.script.commands if not (c.name in {"sh", "bash"} and c.has("-c")) for w in c.words
            )
        for origin in dict.fromkeys(word.origin for word in words if has_url_credentials(word.text)):
            yield actual.finding("the URL holds a password", _MOUNT, at=origin)


_CREDENTIAL_FILE = pattern(
    r"""(?:^|/)(?:
        \.env(?:\.(?!example|sample|template|dist|defaults?|test|schema|vault|md)[\w-]+)* | \.envrc
      | id_(?:rsa|dsa|ecdsa|ed25519)(?:_\w+)? | [\w.-]+\.(?:ppk|p12|pfx|jks|keystore|kdbx|asc\.key|kubeconfig)
      | (?!public|pub)[\w-]*(?:key|privkey|private)[\w-]*\.pem | [\w.-]+\.key
      | credentials(?:\.(?:json|ya?ml|csv|xml|ini|txt))? | client_secrets?\.json | service[-_]?account[\w-]*\.json
      | secrets?\.(?:ya?ml|json|toml|env|txt|ini|properties) | \.secrets?
      | \.(?:netrc|pgpass|my\.cnf|pypirc|npmrc|git-credentials|dockercfg|htpasswd|vault-token|vault_pass|boto|s3cfg)
      | (?:\.docker/)config\.json | \.kube(?:/config)? | \.aws(?:/credentials)? | \.ssh | \.gnupg | \.azure
      | terraform\.tfstate(?:\.backup)? | [\w.-]+\.tfvars | master\.key | auth\.json | passwords?\.txt
    )/?$""",
    re.VERBOSE,
    needs=(
        ".env", "id_", "key", ".p", ".jks", ".kdbx", "kubeconfig", "credentials", "secret", "service", ".netrc",
        ".my.cnf", ".npmrc", ".htpasswd", ".vault", ".boto", ".s3cfg", ".docker", ".kube", ".aws", ".ssh",
        ".gnupg", ".azure", ".tf", "auth.json", "password",
    ),
)  # fmt: skip
_HARMLESS_FILE = pattern(r"(?i)public|\.pub$|example|sample|template|dummy|(^|/)(keyring|keys?)/.*\.asc$|trusted\.gpg")


@control(
    severity="critical",
    cis="4.10",
    owasp="RULE 12",
    nist="4.1.4",
    equivalents={"trivy": "DS-0031", "dockle": "CIS-DI-0010"},
)
def no_credential_files_in_image(stage: Stage) -> Findings:
    """No file that holds credentials is copied into the image.

    A copied file is in its layer for ever, even when a later RUN removes it, and everyone who may pull has it.

    Bad::

        FROM node:22-slim
        COPY .env id_rsa /app/  # <-

    Good::

        FROM node:22-slim AS build
        COPY .npmrc ./
        RUN npm ci
        FROM node:22-slim
        COPY .env.example /app/
        COPY id_rsa.pub certs/ca.pem /app/
        COPY --from=build /app/dist /app/dist
    """
    if not may_ship(stage):
        not_applicable("the stage does not ship")
    for instruction in instructions(stage, "COPY", "ADD"):
        for word in instruction.words[:-1]:
            path = plain(word)
            if _CREDENTIAL_FILE.search(path) and not _HARMLESS_FILE.search(path) and "://" not in path:
                name = path.rstrip("/").rsplit("/", 1)[-1]
                yield instruction.finding(f"{name} is copied into a layer", _MOUNT, at=word.origin)


@control(severity="medium", optional=True, owasp="RULE 12", equivalents={"tally": "tally/require-secret-mounts"})
def credentials_come_by_secret_mount(stage: Stage) -> Findings:
    """A step that logs in somewhere gets its credential by a secret mount.

    `docker login`, `npm login`, `aws`, a private package index: what such a step reads from a build argument or a
    copied file stays behind. A mounted secret is there for this one RUN and in no layer.

    Bad::

        FROM python:3.13-slim
        RUN pip install --index-url https://$USER:$INDEX_TOKEN@pypi.example.com/simple app  # <-

    Good::

        FROM python:3.13-slim
        RUN --mount=type=secret,id=index,env=INDEX_TOKEN \\
            pip install --index-url https://bot:$INDEX_TOKEN@pypi.example.com/simple app
    """
    for run in runs(stage):
        if any(mount["type"] in {"secret", "ssh"} for mount in mounts(run)) or not _LOGIN_HINT.search(run.text):
            continue
        login = next((command for command in run.script.commands if _logs_in(command)), None)
        if login is not None:
            yield run.finding(f"{login.name} needs a credential, and no secret is mounted", _MOUNT, at=login.origin)


_LOGIN_HINT = pattern(r"login|aws|@|authToken|gcloud|_auth|Authorization", re.IGNORECASE)
_VARIABLE_USERINFO = pattern(r"://[^/\s]*\$\{?\w+\}?[^/\s]*@")


def _logs_in(command: Command) -> bool:
    words = [plain(word) for word in command.args]
    if any(_VARIABLE_USERINFO.search(word) or re.search(r"_authToken=.*\$", word) for word in words):
        return True
    if command.name in {"docker", "npm", "az", "helm", "gh", "podman", "skopeo", "vault", "oras"}:
        return "login" in words[:2]
    if command.name == "aws":
        return words[:1] != ["--version"] and "--no-sign-request" not in words
    if command.name == "gcloud":
        return words[:1] == ["auth"]
    return False


@control(severity="high", equivalents={"sonar": "S6469"})
def private_secret_mounts(stage: Stage) -> Findings:
    """A mounted secret or agent socket can be read by its user alone.

    The default is 0400 (0600 for an agent socket). A mode with bits for others lets every process of the build step
    read it, the install scripts of dependencies among them.

    Bad::

        FROM alpine:3.22
        RUN --mount=type=secret,id=token,mode=0444 ./fetch  # <-

    Good::

        FROM alpine:3.22
        RUN --mount=type=secret,id=token,uid=1000,mode=0400 ./fetch
    """
    found = [(run, mount) for run in runs(stage) for mount in mounts(run) if mount["type"] in {"secret", "ssh"}]
    if not found:
        not_applicable("no secret is mounted")
    for run, mount in found:
        mode = mount.get("mode", "")
        if re.fullmatch(r"[0-7]+", mode) and int(mode, 8) & 0o007:
            yield run.finding(f"mode {mode} lets everyone read the {mount['type']}", _closed(stage, run, mount))


def _closed(stage: Stage, run: Instruction, mount: dict[str, str]) -> Remedy:
    """The mode that the builder gives by itself, for whom the step runs as. What number a name has is not known."""
    mode, user = "0600" if mount["type"] == "ssh" else "0400", _user_of_step(stage, run)
    owner = "" if "uid" in mount or user in {"0", "root"} else f"uid={user},"
    found = [flag.value for flag in run.flags if flag.name == "mount" and flag.value is not None]
    same = {f"type={mount['type']}", f"mode={mount['mode']}"}
    places = [word for word in found if same <= {*word.raw.split(",")}]
    if not places or (owner and not user.isdigit()):
        return advice(f"mode={mode}, and the uid of the user that reads it")
    texts = [word.raw.replace(f"mode={mount['mode']}", f"{owner}mode={mode}", 1) for word in places]
    edits = tuple(text_edit(word, text) for word, text in zip(places, texts, strict=True))
    return Remedy(f"--mount={texts[0]}", edits, "behaviour-changing", "a program that reads it as another user")


def _user_of_step(stage: Stage, run: Instruction) -> str:
    """Whom a RUN runs as; empty where that is not known."""
    for part in stage.chain():
        users = [u for u in part.of("USER") if part is not stage or u.origin.line < run.origin.line]
        if users:
            return (users[-1].words[0].value or "").split(":")[0] if users[-1].words else ""
    return default_user(stage.root_base() or "") or ""


def _copies_everything(instruction: Instruction) -> bool:
    if instruction.flag("from") is not None or instruction.flag("exclude") is not None:
        return False
    return any(re.fullmatch(r"(\./?)+|/+|\.?/?\*(\*)?(/\*)*", plain(word)) for word in instruction.words[:-1])


@control(severity="medium", nist="4.1.4", equivalents={"sonar": "S6470"})
def whole_context_copy_is_filtered(dockerfile: Dockerfile) -> Findings:
    """COPY of the whole context has an ignore file to hold things back.

    `COPY . .` takes what lies about when the image is built: `.git` with its history, `.env`, keys, editor backups.
    A `.dockerignore` beside the context keeps them out, and the context small.

    Bad::

        FROM node:22-slim
        COPY . /app  # <-

    Good::

        FROM node:22-slim
        COPY package.json package-lock.json /app/
        COPY src/ /app/src/

    Good::

        FROM node:22-slim
        COPY . /app
        # file: .dockerignore
        .git
        .env*
    """
    if dockerfile.ignore is not None:
        not_applicable("there is an ignore file")
    for stage in dockerfile.stages:
        if may_ship(stage):
            for instruction in stage.of("COPY", "ADD"):  # ONBUILD copies another build's context
                if _copies_everything(instruction):
                    yield instruction.finding(
                        "the whole context is copied, and no .dockerignore filters it",
                        advice("# .dockerignore\n.git\n**/.env*\n**/*.pem\n**/*.key\n# or COPY what is needed by name"),
                    )


@control(severity="low", optional=True, nist="4.1.4")
def ignore_file_holds_secrets_back(dockerfile: Dockerfile) -> Findings:
    """The ignore file keeps credentials and history out of the context.

    What it lets through is sent to the builder, and `COPY . .` puts it into the image.

    Bad::

        FROM node:22-slim
        COPY . /app  # <-
        # file: .dockerignore
        node_modules

    Good::

        FROM node:22-slim
        COPY . /app
        # file: .dockerignore
        *
        !src
    """
    ignore = dockerfile.ignore
    if ignore is None:
        not_applicable("there is no ignore file")
    passed = [name for name in (".git", ".env") if not ignore.excludes(name)]
    for stage in dockerfile.stages if passed else ():
        for instruction in instructions(stage, "COPY", "ADD"):
            if _copies_everything(instruction):
                yield instruction.finding(
                    f"the ignore file lets {' and '.join(passed)} into the image", _held_back(ignore, passed)
                )


def _held_back(ignore: IgnoreFile, names: list[str]) -> Remedy:
    """At the end: the last pattern that matches decides."""
    text = "\n".join(names)
    if not ignore.patterns:
        return advice(text)
    return insert_behind(ignore.patterns[-1].origin, f"\n{text}", text=text, breaks="a build that reads them")


@control(severity="medium", optional=True, equivalents={"tally": "tally/ruby/asset-precompile-without-dummy-key"})
def assets_build_without_real_secrets(stage: Stage) -> Findings:
    """Rails assets are built without the real secret key.

    `assets:precompile` loads the application, which asks for its key: `SECRET_KEY_BASE_DUMMY=1` gives it one that is
    worth nothing, so the real one stays out of the build.

    Bad::

        FROM ruby:3.4-slim
        RUN bundle exec rails assets:precompile  # <-

    Good::

        FROM ruby:3.4-slim
        RUN SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile
    """
    for run in runs(stage):
        text = run.text + "".join(heredoc.body for heredoc in run.heredocs)
        mounted = any(mount["type"] == "secret" for mount in mounts(run))
        if "assets:precompile" in text and not mounted and "SECRET_KEY_BASE" not in text + " ".join(run.environment):
            yield run.finding("assets:precompile asks for the real key", advice("RUN SECRET_KEY_BASE_DUMMY=1 ..."))
