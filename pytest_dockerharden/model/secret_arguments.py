"""Where commands, headers and instructions hold a secret that no name in front of it gives away."""

from __future__ import annotations

from pytest_dockerharden.model.pattern import pattern

# no line without one of these holds anything of what is below
HINT = pattern(
    r"(?i)curl|wget|mysql|mariadb|sshpass|login|mongo|redis-cli|valkey-cli|passwd|password|requirepass|masterauth|"
    r"authorization|identified|pass:|basicauth|https?://|\b(?:set|env|arg)\s"
)
_UP_TO = r"\b[^|;&\n]{0,200}?[\s\"',]"
_BETWEEN = r"[=\s\"',]{0,6}"
# what stands before a secret, and behind it
_AROUND = (
    (rf"\b(?:curl|wget){_UP_TO}(?:-u|-U|--user|--proxy-user){_BETWEEN}[^\s:\"',]{{1,80}}:", ""),
    (rf"\b(?:mysql|mariadb)[a-z-]{{0,12}}{_UP_TO}-p(?=[^\s\"'])", ""),
    (rf"\b(?:mysql|mariadb)[a-z-]{{0,12}}{_UP_TO}-p[\"']", ""),
    (rf"\bsshpass[\s\"',]{{1,4}}-p{_BETWEEN}", ""),
    (rf"\b(?:docker|podman|helm|az|oc|crane) (?:registry )?login{_UP_TO}-p{_BETWEEN}", ""),
    (rf"\b(?:mongo|mongosh|mongodump|mongorestore){_UP_TO}-p{_BETWEEN}", ""),
    (rf"\b(?:redis-cli|valkey-cli){_UP_TO}-a{_BETWEEN}", ""),
    (r"\bhtpasswd\s+-[a-zA-Z]*b[a-zA-Z]*\s+(?:-\S+\s+)?(?:\S+\s+){1,2}", r"(?=\s*(?:$|[|;&>\"']))"),
    (r"[\w.${}-]{1,40}:", r"(?=[\"']?\s*\|\s*(?:sudo\s+)?chpasswd)"),
    (r"\becho\s+(?:-n\s+)?[\"']?", r"(?=[\"']?\s*\|[^|;&\n]{0,80}login[^|;&\n]{0,120}--password-stdin)"),
    (r"(?<![\w-])(?:requirepass|masterauth|login\s+\S{1,80}\s+password)\s+", ""),
    (r"(?i:\bauthorization[\"']?\s*[:=]\s*[\"']?(?:[a-z]+\s+)?)(?<![:=])", ""),
    (r"(?i:\b(?:identified(?:\s+with\s+\w+)?\s+by|password)\s+)'", ""),
    (r"-pass(?:in|out)?[\s\"',]{1,4}pass:", ""),
    (r"(?i:basic-?auth(?:\.users)?[\"']?\s*[:=]\s*[\"']?[^\s:\"']{1,80}:)", ""),
)
# the secret is the group ``value``
ARGUMENTS = (
    *(pattern(before + r"(?P<value>[^\s\"'|;&]{1,400})" + after) for before, after in _AROUND),
    pattern(r"\bhttps?://(?P<value>[A-Za-z0-9_-]{20,400})(?=@)"),
)
# the secret is the group ``value`` if ``name`` is the name of one
NAMED_ARGUMENTS = (
    pattern(r"^\s*(?i:(?:onbuild\s+)?env)\s+(?P<name>[A-Za-z_]\w{0,80})\s+(?P<value>[^\s=].{0,4000})"),
    pattern(
        r"\bset\s+(?:-\S+\s+){0,3}(?://)?(?:[\w.-]{1,80}[/:]{1,2}){0,5}(?P<name>[A-Za-z_][\w.-]{1,80})\s+"
        r"[\"']?(?P<value>[^\s\"'|;&]{1,400})"
    ),
)
