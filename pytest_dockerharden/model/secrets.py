"""What looks like a secret, and how to show a line that holds one."""

from __future__ import annotations

import re
from functools import lru_cache

from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.secret_arguments import ARGUMENTS, HINT, NAMED_ARGUMENTS

MASK = "***"
_SHORT = 500


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS = pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PASSWORDS = _set("password passwords passwd pwd pw pword passphrase passcode secret secrets credential credentials")
_TOKENS = _set("token apikey accesskey secretkey privatekey authkey pat pass auth salt bearer")
# run-on spellings: PGPASSWORD, DBPASSWD, CLIENTSECRET, AUTHTOKEN
_ENDINGS = ("password", "passwd", "passphrase", "secret", "apikey", "authtoken", "accesstoken", "secretkey")
# these name a credential only at the end: DB_PASS and not PASS_THROUGH, NEO4J_AUTH and not AUTH_SERVICE
_ONLY_LAST = {"pass", "auth", "salt", "pat", "bearer", "secrets"}
# a last word that says the value is something about the secret, not the secret
_ABOUT = _set(
    "file files path paths dir directory folder name names id ids version versions url uri host hostname port server "
    "timeout ttl expiry expires expire expiration lifetime duration age days hours minutes seconds sec secs ms "
    "length len size count number min max minimum maximum limit limits rate policy policies algorithm algorithms alg "
    "type types method methods mode enabled enable disabled disable required optional hint prefix suffix header "
    "headers field format param parameter issuer audience endpoint provider providers store storage backend region "
    "rotation interval strategy class module location mount label regex pattern validator validators validation "
    "hashers hasher iterations rounds cost strength complexity parallelism service services manager engine driver "
    "plugin scope scopes cookie domain realm template refresh check generator scheme schema arn ref reference "
    "fingerprint attempts retries history reuse user username login email group role leeway buffer"
)
# a word anywhere that says the same: MYSQL_ALLOW_EMPTY_PASSWORD, MYSQL_RANDOM_ROOT_PASSWORD, PUBLIC_KEY
_HARMLESS = _set("allow empty random onetime public pub enable disable require generate tokenizer tokenizers")
_FIRST_HARMLESS = _set("use is has no skip show hide min max num with without requires enables disables")
# keys that lock nothing
_PLAIN_KEYS = _set(
    "gpg pgp primary foreign partition sort cache routing shard sharding hot map index row group object lookup dict "
    "event label locale translation config registry default host hosts known idempotency dedup aggregation search "
    "release site lock topic message metric state feature field natural unique composite"
)
# how Bundler is given the credentials of a private gem server: BUNDLE_GEMS__EXAMPLE__COM
_BUNDLER_HOST = pattern(r"BUNDLE_[A-Z0-9_]+__[A-Z]{2,10}\Z", needs=("BUNDLE_",))
# what a bundler puts into the code that every browser loads: keys of maps, analytics, Firebase, payment pages
_OF_THE_BROWSER = pattern(
    r"(?i)(?:VITE|REACT_APP|VUE_APP|GATSBY)_(?!.*(?:PASS|SECRET|PRIVATE)).*",
    needs=("vite_", "react_app_", "vue_app_", "gatsby_"),
)
_NOT_SECRET_NAMES = frozenset({"PWD", "OLDPWD", "GOOGLE_APPLICATION_CREDENTIALS"})

_TRIVIAL = pattern(
    r"(?i)true|false|yes|no|on|off|y|n|0|1|none|null|nil|undefined|disabled?|enabled?|optional|required|default|auto|"
    r"x+|\*+|\.+|-+|todo|tbd|(?:re)?place-?holder|redacted|replace[-_ ]?me|insert[-_ ].*|replace[-_ ].*|"
    r"(?:[prs]k_(?:test|live)_)?your[-_ ].*|<.*>|\[.*\]|\{\{.*\}\}|%\(.*\)s|%[A-Za-z_]+%"
)
_REFERENCE = pattern(r"\$(?:\{[^}]*\}|\([^)]*\)|[A-Za-z_]\w*)|`[^`]*`")
_PATH = pattern(r"(?:/|\./|\.\./|~/)[\w.@+-]+(?:/[\w.@+-]*)*")
_AUTH_SCHEMES = pattern(
    r"(?i)basic|bearer|digest|oauth2?|oidc|ldap|jwt|saml|kerberos|md5|trust|peer|scram-sha-256|plain|login|password|"
    r"header|cookie|anonymous|native|simple|internal|external|local|builtin|user|token|db|session"
)

# no format is shorter, and none is of lower-case letters alone: a quick no for nearly every text
_LONG_WORD = re.compile(r"(?<![\w-])(?=[a-z-]{0,80}[A-Z0-9_])[\w-]{14}|Q~|BEGIN |hooks\.slack|Key=|Signature=")
# each alternative is a documented token format; lengths are bounded so that no input makes them slow
_SHAPES = pattern(
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|\bgh[pousr]_[A-Za-z0-9]{36,255}"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,255}"
    r"|\bgl(?:pat|ptt|dt|rt|soat|agent|cbt|ft|imt|oas)-[A-Za-z0-9_-]{20,300}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,250}|\bxapp-\d-[A-Za-z0-9-]{10,250}"
    r"|hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,200}"
    r"|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,250}|\bwhsec_[A-Za-z0-9+/=]{24,100}"
    r"|\bAIza[A-Za-z0-9_-]{35}"
    r"|\bya29\.[A-Za-z0-9_-]{20,300}"
    r"|\bsk-(?:proj-|ant-|svcacct-|or-)?[A-Za-z0-9_-]{32,250}"
    r"|\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"
    r"|\bnpm_[A-Za-z0-9]{36}|\bpypi-AgE[A-Za-z0-9_-]{50,300}|\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,100}"
    r"|\bhv[sbr]\.[A-Za-z0-9_-]{20,300}|\bdop_v1_[a-f0-9]{64}|\bhf_[A-Za-z0-9]{30,60}|\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"
    r"|\bAC[a-f0-9]{32}:[a-f0-9]{32}|\bkey-[a-f0-9]{32}\b|\bglsa_[A-Za-z0-9]{32}_[a-f0-9]{8}"
    r"|\beyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,2000}"
    r"|AccountKey=[A-Za-z0-9+/]{40,100}={0,2}|SharedAccessSignature=[^\s;]{20,300}"
    r"|\bAK[CP][A-Za-z0-9]{60,100}\b|\b[MNO][A-Za-z\d_-]{23,25}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,38}"
    r"|\b[0-9a-f]{32}-us\d{1,2}\b|\bsq0(?:csp|atp|idp)-[A-Za-z0-9_-]{22,43}|\bEAAA[A-Za-z0-9_-]{60}"
    r"|\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b|\bdapi[a-f0-9]{32}\b|\bATATT3[A-Za-z0-9_=-]{50,250}|\blin_api_[A-Za-z0-9]{40}"
    r"|\b(?:secret_|ntn_)[A-Za-z0-9]{43,50}\b|\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}|\bpul-[a-f0-9]{40}\b"
    r"|\bdp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._-]{40,60}|\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}|\brubygems_[a-f0-9]{48}"
    r"|\bsntry[su]_[A-Za-z0-9+/=_-]{40,300}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}|\bAGE-SECRET-KEY-1[A-Z0-9]{58}"
    r"|\bLTAI[A-Za-z0-9]{17,21}\b|\bpat-(?:na|eu)1-[a-f0-9-]{36}|\bNRAK-[A-Z0-9]{27}|\bglc_[A-Za-z0-9+/]{32,400}={0,3}"
    r"|\bops_eyJ[A-Za-z0-9+/]{250,1000}|\bfio-u-[A-Za-z0-9_=-]{64}|\bxkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"
    r"|(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])"
    r"|\bGR1348941[A-Za-z0-9_-]{20}\b|\bGOCSPX-[A-Za-z0-9_-]{28}\b|\bSK[0-9a-f]{32}\b|\bAP[\dABCDEF][A-Za-z0-9]{64,100}\b"
    r"|:_(?:authToken|auth|password)=[A-Za-z0-9+/=_-]{16,300}|\bPuTTY-User-Key-File-\d"
    r"|-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
)
# what each of them holds, so that `_SHAPES` need not be compiled, 3 ms, for a name or a digest that is merely long
_MARKS = _set(
    "AKIA ASIA ABIA ACCA ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- glptt- gldt- glrt- glsoat- glagent- glcbt- glft- "
    "glimt- gloas- xox xapp- hooks.slack k_live_ k_test_ whsec_ AIza ya29. sk- SG. npm_ pypi-AgE dckr_ hvs. hvb. hvr. "
    "dop_v1_ hf_ shp key- glsa_ eyJ AccountKey= SharedAccessSignature= AKC AKP -us sq0 EAAA :AA dapi ATATT3 lin_api_ "
    "secret_ ntn_ pscale_ pul- dp. PMAK- rubygems_ sntry .atlasv1. AGE-SECRET-KEY LTAI pat-na pat-eu NRAK- glc_ fio-u- "
    "xkeysib- Q~ GR1348941 GOCSPX- SK AP :_ PuTTY -----BEGIN"
)
_UNMARKED = pattern(r"\bAC[a-f0-9]{32}:|\b[MNO][A-Za-z\d_-]{23,25}\.")
_USERINFO = pattern(r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://([^\s/@:?#'\"]{0,200}):([^\s/@'\"]{1,200})@", needs=("@",))
_TOKEN_USERINFO = pattern(r"\bhttps?://((?:gh[pousr]_|github_pat_|glpat-|x-oauth-)[^\s/@:'\"]{4,250})@", needs=("@",))
_DEFAULT_START = pattern(r"\$\{([A-Za-z_]\w*):?[-=+]")
_DEFAULT = pattern(r"\$\{([A-Za-z_]\w*):?[-=+]([^${}]*)\}")
_BRACE = pattern(r"[{}]")
# a quoted value ends at its quote, one after `name: ` at the end of the line, one after `name=` at a blank
_ASSIGNMENT = pattern(
    r"(?P<name>[A-Za-z_][\w.-]{1,80})(?P<mid>[\"']?\s{0,8}(?:=|:\s|:(?=[\"']))\s{0,8}[\"']?)"
    r"(?P<value>(?<=\")(?:[^\"\\\n]|\\.){1,4000}|(?<=')(?:[^'\n]|''){1,4000}"
    r"|(?<=\s)(?<!=\s)[^\s\"'][^\n\"']{0,4000}|[^\s\"']{1,4000})"
)
_LIST_ITEM = pattern(r"^\s*-\s+[\"']?(?P<name>[A-Za-z_]\w{1,80})=(?P<value>[^\s\"'][^\"'\n]*)")
_OPTION = pattern(
    r"(?P<option>(?<![\w-])--?(?:[a-z0-9]{1,20}-){0,4}(?:requirepass|masterauth|password|passwd|pass|token|secret|api-?key|secret-key|"
    r"access-key|auth-token|passphrase)|(?<=redis-cli )-a|(?<=redis-cli\", \")-a|(?<=valkey-cli )-a)"
    r"(?P<mid>[=\s\"',]{1,6})(?P<value>(?<=\")[^\"\n]{1,4000}|(?<=')[^'\n]{1,4000}|[^\s\"']{1,4000})",
    re.IGNORECASE,
)
_BASE64_LINE = pattern(r"^(\s*)[A-Za-z0-9+/]{56,80}={0,2}\s*$")


_ACCEPTED_BY_EMULATORS = frozenset({"test", "dummy", "fake", "local", "localstack", "foo", "bar", "x", "xxx", "none"})


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a variable, build argument or key of this name holds a credential.

    Decided word by word: ``DB_PASSWORD``, ``pgpassword`` and ``clientSecret`` do, ``DB_PASSWORD_FILE``,
    ``PASSWORD_VERSION``, ``TOKENIZERS_PARALLELISM``, ``GPG_KEY`` and ``ALLOW_EMPTY_PASSWORD`` do not.
    """
    if name in _NOT_SECRET_NAMES:
        return False
    if _BUNDLER_HOST.match(name):
        return True
    words = [word.lower() for word in _WORDS.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if not words or words[-1] in _ABOUT or words[0] in _FIRST_HARMLESS or _HARMLESS.intersection(words):
        return False
    return any(_is_secret_word(words, index) for index in range(len(words)))


def _is_secret_word(words: list[str], index: int) -> bool:
    word, last = words[index], index == len(words) - 1
    if word == "key":
        return index > 0 and words[index - 1] not in _PLAIN_KEYS and (last or words[index + 1] == "base")
    if word in _ONLY_LAST:
        return last and (word != "salt" or index > 0)
    return word in _PASSWORDS or word in _TOKENS or word.endswith((*_ENDINGS, "token"))


def is_for_browsers(name: str) -> bool:
    """Whether a variable of this name is put into code that every browser loads: ``VITE_MAPS_KEY`` hides nothing."""
    return bool(_OF_THE_BROWSER.fullmatch(name))


def is_literal_secret(name: str, value: str) -> bool:
    """Whether ``value``, given to a thing of this name, is a credential written out.

    References, paths, switches and obvious blanks (``<password>``, ``REPLACE_ME``) are not; ``changeme`` is, for it is
    what the service then accepts.
    """
    text = value.strip()
    if looks_like_secret(text):
        return True
    if _is_of_an_emulator(name, text):
        return False
    if (
        not is_secret_name(name)
        or is_for_browsers(name)
        or not text
        or _TRIVIAL.fullmatch(text)
        or _PATH.fullmatch(text)
    ):
        return False
    if not _REFERENCE.sub("", text).strip("\"' :/@-_"):
        return False
    words = [word.lower() for word in _WORDS.findall(name)]
    if words[-1] == "auth":
        return not _AUTH_SCHEMES.fullmatch(text) and (len(text) >= 12 or ":" in text or "/" in text)
    if "://" in text:
        return False
    return (
        bool(_PASSWORDS.intersection(words))
        or words[-1].endswith(_ENDINGS)
        or not ((text.isdigit() and len(text) < 5) or len(text) < 4)
    )


def _is_of_an_emulator(name: str, value: str) -> bool:
    """What LocalStack and its kin take in place of AWS credentials: they check none, and the SDK wants some."""
    return name.upper().startswith("AWS_") and value.lower() in _ACCEPTED_BY_EMULATORS


def has_token(value: str) -> bool:
    """Whether the text holds a token or private key of a documented format."""
    # services share most of their texts, and the combinations of a stack nearly all
    return _holds_token(value) if len(value) < _SHORT else _holds_token.__wrapped__(value)


@lru_cache(maxsize=1024)
def _holds_token(value: str) -> bool:
    return bool(_LONG_WORD.search(value) and _may_hold_token(value) and _SHAPES.search(value))


def _may_hold_token(value: str) -> bool:
    return any(mark in value for mark in _MARKS) or _UNMARKED.search(value) is not None


def looks_like_secret(value: str) -> bool:
    """Whether the text holds a credential by its shape: a known token format, a private key, ``user:password@``."""
    return has_token(value) or has_url_credentials(value)


def has_url_credentials(value: str) -> bool:
    """Whether the text holds a URL with a literal password in front of the host."""
    if "://" not in value:
        return False
    if _TOKEN_USERINFO.search(value):
        return True
    return any(_is_literal_password(match[2]) for match in _USERINFO.finditer(with_defaults(value)))


def with_defaults(template: str) -> str:
    """The template with each ``${X:-default}`` replaced by its default; references without one stay."""
    if "${" not in template:
        return template
    for _ in range(4):  # nested defaults, innermost first
        template, changes = _DEFAULT.subn(lambda match: match[2] or "$X", template)
        if not changes:
            break
    return template


def _is_literal_password(text: str) -> bool:
    return not _TRIVIAL.fullmatch(text) and bool(_REFERENCE.sub("", text)) and "$" not in text and "{" not in text


def mask(text: str) -> str:
    """The text with every value that looks like a secret replaced by ``***``; columns before it stay as they are.

    References (``${DB_PASSWORD}``) stay readable, their defaults do not. Takes one line or several.
    """
    if "\n" in text:
        return "\n".join(mask(line) for line in text.split("\n"))
    text = _SHAPES.sub(MASK, text)
    text = _TOKEN_USERINFO.sub(lambda match: match[0].replace(match[1], MASK), text)
    text = _mask_defaults(text)
    text = _USERINFO.sub(_mask_userinfo, text)
    if HINT.search(text):
        for arguments in ARGUMENTS:
            text = arguments.sub(_mask_value, text)
        for arguments in NAMED_ARGUMENTS:
            text = arguments.sub(_mask_named, text)
    text = _OPTION.sub(_mask_value, text)
    text = _LIST_ITEM.sub(_mask_named, text)
    text = _mask_assignments(text)
    return _BASE64_LINE.sub(rf"\1{re.escape(MASK)}".replace("\\*", "*"), text)


def _mask_defaults(text: str, *, all_of_them: bool = False) -> str:
    """Without the defaults of variables with the name of a secret, as in ``${DB_PASSWORD:-hunter2}``, or of all."""
    parts, done, start = [], 0, 0
    of_a_secret = len(text) if all_of_them else 0
    while "${" in text and (match := _DEFAULT_START.search(text, start)):
        start = match.end()
        if start > of_a_secret and not is_secret_name(match[1]):
            continue
        end = _closing(text, start)
        if text.startswith("$", start):  # another variable, which may have a default
            of_a_secret = max(of_a_secret, end)
        elif end > start:
            parts += [text[done:start], MASK]
            done = start = end
    return "".join(parts) + text[done:]


def _closing(text: str, start: int) -> int:
    """Where the brace is closed that was open before ``start``; where it is not, far enough behind."""
    depth = 1
    for match in _BRACE.finditer(text, start, start + 1000):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return match.start()
    return min(len(text), start + 1000)


def _mask_userinfo(match: re.Match[str]) -> str:
    if not _REFERENCE.sub("", match[2]) or match[2] == MASK:
        return match[0]
    start = match.start(2) - match.start()
    return f"{match[0][:start]}{MASK}@"


def _mask_assignments(text: str) -> str:
    parts, done, start = [], 0, 0
    while match := _ASSIGNMENT.search(text, start):
        if is_secret_name(match["name"]):
            parts += [text[done : match.start()], _mask_value(match)]
            done = start = match.end()
        else:  # what follows may hold another one: ``environment: {DB_PASSWORD: x}``
            start = match.start("value")
    return "".join(parts) + text[done:]


def _mask_named(match: re.Match[str]) -> str:
    return _mask_value(match) if is_secret_name(match["name"]) else match[0]


def _mask_value(match: re.Match[str]) -> str:
    value = match["value"]
    start, end = match.start("value") - match.start(), match.end("value") - match.start()
    if MASK in value or not _REFERENCE.sub("", value).strip("\"'") or _TRIVIAL.fullmatch(value):
        return f"{match[0][:start]}{_mask_defaults(value, all_of_them=True)}{match[0][end:]}"
    return f"{match[0][:start]}{MASK}{match[0][end:]}"
