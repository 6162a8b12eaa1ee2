"""Files of an image that say something by their path or by their content."""

from __future__ import annotations

import re

from pytest_dockerharden.model.image import FileKind
from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.secrets import is_literal_secret, looks_like_secret

PRIVATE_KEY = pattern(
    rb"^[ \t]*-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----\r?\n"
    rb"(?:[ \t]*(?:[A-Za-z-]{4,20}: [^\n]{0,200}|)\r?\n){0,6}[ \t]*[A-Za-z0-9+/=]{24}",
    re.MULTILINE,
)
# such files hold what logs one in somewhere, and little else
_CREDENTIALS = pattern(
    r"""/(?:
        \.env(?:\.(?!example|sample|template|dist|defaults?|test|schema|vault|md)[\w-]+)* | \.envrc
      | \.netrc | \.pgpass | \.my\.cnf | \.pypirc | \.npmrc | \.yarnrc\.yml | \.git-credentials | \.dockercfg
      | \.vault-token | \.s3cfg | \.boto | \.docker/config\.json | \.kube/config | \.aws/credentials
      | \.config/gcloud/[\w.]+\.(?:db|json) | credentials\.json | client_secrets?\.json
      | service[-_]?account[\w-]*\.json
      | secrets?\.(?:ya?ml|json|toml|env|txt|ini) | terraform\.tfstate | [\w.-]+\.tfvars | auth\.json | pip\.conf
      | \.config/pip/pip\.conf | \.gem/credentials | \.cargo/credentials(?:\.toml)? | \.m2/settings\.xml
    )$""",
    re.VERBOSE,
)
# key stores have no text to look at
_KEY_STORE = pattern(r"/[\w.-]+\.(?:p12|pfx|jks|keystore|kdbx|ppk)$")
# what packages bring to be read or tried, not used: the same in every image of the world
_SAMPLES = pattern(
    r"(?i)/(?:(?:self)?tests?|__tests__|testing|testdata|test_data|spec|examples?|samples?|demos?|docs?|man|fixtures?|mocks?)/"
    r"|/test_[^/]*$|[._-]test\.\w+$|snakeoil|/cacerts$|/jre/lib/|/usr/lib/jvm/"
)
_PAIR = pattern(
    rb"^[ \t{\"']*(?:export[ \t]+)?([A-Za-z_/:.][\w./:-]{0,200})[\"']?[ \t]*[=:][ \t]*"
    rb"(\"[^\"\n]*\"|'[^'\n]*'|[^\s#{\[][^\n]*)",
    re.MULTILINE,
)
# netrc, pgpass, docker's configuration, npm's, Maven's: written so that no name is before the value
_LOGINS = pattern(
    rb"(?:^[ \t]*|\blogin[ \t]+\S+[ \t]+)password[ \t]+(?![$=:])\S+"
    rb"|^[^\s:#]+:(?:\d+|\*):[^\s:]*:[^\s:]*:(?!\$)\S+[ \t]*$"
    rb"|\"auth\"\s{0,9}:\s{0,9}\"[A-Za-z0-9+/=]{8,}\"|_(?:authToken|auth|password)\s{0,9}=\s{0,9}(?!\$)\S{8,}"
    rb"|\"private_key\"\s{0,9}:\s{0,9}\"-----BEGIN|client-key-data:\s{0,9}\S{40,}|<password>(?!\$|\{)[^<]{1,200}</password>",
    re.MULTILINE,
)

_PROGRAMS: dict[FileKind, str] = {
    "shell": "sh bash ash dash zsh ksh mksh csh tcsh fish busybox",
    "package-manager": "apt apt-get dpkg apk yum dnf dnf5 microdnf tdnf rpm zypper pacman opkg",
    "build-tool": "gcc cc g++ clang make cmake ld as gdb strace cargo rustc javac git",
    "remote-login": "sshd telnetd in.telnetd rlogind in.rlogind dropbear vsftpd Xvnc xrdp",
    "sudo": "sudo doas",
}
_KIND_OF_PROGRAM: dict[str, FileKind] = {name: kind for kind, names in _PROGRAMS.items() for name in names.split()}
_PROGRAM = pattern(r"/(?:usr/(?:local/)?)?s?bin/[^/]+$")

# setuid and setgid programs that distributions bring with the packages of their base
USUAL_PRIVILEGED = frozenset(
    {
        "su", "passwd", "gpasswd", "chsh", "chfn", "newgrp", "mount", "umount", "chage", "expiry", "unix_chkpwd",
        "pam_extrausers_chkpwd", "ssh-agent", "sg", "vipw", "ssh-keysign", "dbus-daemon-launch-helper", "wall", "write",
        "write.ul", "bsd-write", "utempter", "fusermount", "fusermount3", "newuidmap", "newgidmap",
        "pam_timestamp_check", "unix_update", "crontab", "at", "userhelper", "polkit-agent-helper-1", "pkexec",
        "bbsuid", "suexec", "mount.nfs", "ping", "ping6", "postdrop", "postqueue", "locate", "mlocate", "plocate",
        "sudo", "doas", "screen", "gst-ptp-helper", "lockdev", "unix2_chkpwd", "usernetctl", "pppd",
    }
)  # fmt: skip

_CACHES: tuple[tuple[str, str], ...] = (
    ("/var/lib/apt/lists/", "apt"), ("/var/cache/apt/", "apt"), ("/var/cache/apk/", "apk"), ("/etc/apk/cache/", "apk"),
    ("/var/cache/yum/", "yum"), ("/var/cache/dnf/", "dnf"), ("/var/cache/libdnf5/", "dnf"),
    ("/var/cache/zypp/", "zypper"), ("/root/.cache/pip/", "pip"), ("/root/.cache/uv/", "uv"), ("/root/.npm/", "npm"),
    ("/root/.cache/yarn/", "yarn"), ("/usr/local/share/.cache/", "yarn"), ("/root/.cache/go-build/", "go"),
    ("/root/go/pkg/mod/cache/", "go"), ("/go/pkg/mod/cache/", "go"), ("/root/.cargo/registry/", "cargo"),
    ("/usr/local/cargo/registry/", "cargo"), ("/root/.gem/", "gem"), ("/root/.bundle/cache/", "bundler"),
    ("/usr/local/bundle/cache/", "bundler"), ("/root/.composer/cache/", "composer"),
    ("/root/.cache/composer/", "composer"), ("/root/.m2/repository/", "maven"), ("/root/.gradle/caches/", "gradle"),
    ("/root/.cache/pypoetry/", "poetry"), ("/root/.local/share/pnpm/store/", "pnpm"),
)  # fmt: skip
_CACHE_ROOTS = ("/var/", "/root/", "/usr/local/", "/go/", "/etc/apk/")

_LEFTOVER = pattern(
    r"/(?:Dockerfile|Containerfile|(?:docker-)?compose(?:\.\w+)*\.ya?ml|\.dockerignore|\.gitlab-ci\.yml|Jenkinsfile"
    r"|\.bash_history|\.ash_history|\.python_history|\.wget-hsts|core\.\d+|npm-debug\.log|\.DS_Store|Thumbs\.db)$"
)


def cache_of(path: str) -> str:
    """The package manager whose downloads a file is; empty for any other file."""
    if not path.startswith(_CACHE_ROOTS):
        return ""
    return next((name for folder, name in _CACHES if path.startswith(folder)), "")


def program_kind(path: str) -> FileKind | None:
    """``shell``, ``package-manager``, ``build-tool``, ``remote-login`` or ``sudo`` for a program on the path."""
    kind = _KIND_OF_PROGRAM.get(path.rpartition("/")[2])
    return kind if kind and _PROGRAM.match(path) else None


def leftover_kind(path: str) -> FileKind | None:
    """``repository`` for a git repository, ``leftover`` for what a build or a person left behind."""
    if path.endswith(("/.git/HEAD", "/.svn/wc.db", "/.hg/requires")):
        return "repository"
    return "leftover" if _LEFTOVER.search(path) and not path.startswith(("/usr/", "/var/lib/")) else None


def may_hold_credentials(path: str) -> bool:
    """Whether the name says that credentials are in it, if its content does not say otherwise."""
    return bool(_CREDENTIALS.search(path)) and not is_sample(path)


def is_key_store(path: str) -> bool:
    """Whether it is a file of private keys whose content cannot be looked at."""
    return bool(_KEY_STORE.search(path)) and not is_sample(path)


def is_sample(path: str) -> bool:
    """Whether a file is there to be read or tested with: keys in it lock nothing."""
    return bool(_SAMPLES.search(path))


def holds_credentials(content: bytes) -> bool:
    """Whether the text of a file for credentials holds one written out, not only names and references."""
    if _LOGINS.search(content) or looks_like_secret(content.decode("utf-8", "replace")):
        return True
    for name, value in _PAIR.findall(content):
        text = value.decode("utf-8", "replace").strip().strip("\"',")
        if is_literal_secret(name.decode("ascii", "replace").rpartition("/")[2].lstrip(":"), text):
            return True
    return False
