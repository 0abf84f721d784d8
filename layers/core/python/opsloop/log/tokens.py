"""The shape of a log line: its words, with everything that looks like a value replaced by one mark.

Token by token, so that words seen before cost one look-up; what is masked is general knowledge of how programs write
values (numbers, addresses, paths, identifiers, dates, sizes), never the words of one system.
Every expression below is linear: no quantifier is nested in another over the same characters.
"""

import re

VALUE = "\x01"  # what stands for a variable part inside a shape; no log line keeps a control character
SHOWN_VALUE = "<*>"

MAX_LINE_CHARS = 2_048  # of a line count for its pattern; the median of a service's lines is near 100
MAX_TOKENS = 160  # of a line count; more are lists or dumps
MAX_CACHED_TOKENS = 50_000  # distinct words remembered, some 10 MB at most
MAX_CACHED_TOKEN_CHARS = 100  # longer ones are seldom seen twice

# Where a word inside a token ends: what separates keys, values and lists in messages. '.', '-', '_', '/', '+' and '~'
# are left out, because identifiers, numbers, versions and paths are written with them.
_ENDS = r"""\s=:,;()\[\]{}"'<>|@\#!&$%*?`^"""
_VALUE_FORMS = re.compile(
    rf"""
      [A-Za-z][A-Za-z0-9+.\-]{{1,30}}://[^\s"'<>()\[\]{{}},;]+                       # URL
    | (?<![\w.])/?\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}(?::\d+)?(?!\w|[.\-]\w)  # IPv4, with its port
    | (?<![\w:.])(?=[A-Fa-f:]{{0,12}}\d)(?:[0-9A-Fa-f]{{0,4}}:){{3,7}}[0-9A-Fa-f]{{0,4}}(?![\w:])   # IPv6, MAC
    | (?<![\w.\-])(?:[A-Za-z0-9_\-]{{1,63}}\.){{1,8}}(?:com|net|org|edu|gov|mil|info|biz)(?::\d+)?(?![\w\-]|\.\w)
    | (?<![\w.\-])[A-Za-z_$][\w.$]{{0,200}}@[0-9a-f]{{4,16}}(?!\w)                   # object of a Java class
    | (?<![^{_ENDS}])[A-Za-z]:\\[^\s"'<>,;()\[\]|]*                                  # Windows path
    | (?<![^{_ENDS}])(?:/|\\\\)[^\s"'<>,;:=()\[\]{{}}|]+                             # path
    | (?<![^{_ENDS}])[^{_ENDS}]*\d[^{_ENDS}]*                                        # any word with a digit
    | (?<!\w)(?:true|false|True|False|TRUE|FALSE|null|NULL|None)(?!\w)
    """,
    re.VERBOSE,
)
# A name that ends in a small number (eth0, ssh2, L1) is a name until it is seen with another number.
_NUMBERED_NAME = re.compile(r"[A-Za-z_]*[A-Za-z]\d{1,2}(?:[A-Za-z][A-Za-z_]*|_[A-Za-z_]+)?\Z")
_SLASHED = re.compile(r"[^/]*\d[^/]*")
_DATE_WORDS = re.compile(
    rf"(?:\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
    rf"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {VALUE}(?:[: ,]{{1,2}}{VALUE}){{0,6}}"
)
_SIZE = re.compile(rf"{VALUE} (?:[KMGTP]i?)?B\b")
_INNER_DOT = re.compile(rf"{VALUE}\.(?= [^A-Z])")  # a dot before a word that starts no sentence belongs to the value
_RUN = re.compile(rf"{VALUE}(?: {VALUE})+")


def _masked(match: re.Match[str]) -> str:
    found = match.group()
    if _NUMBERED_NAME.match(found):
        return found
    word = found.rstrip(".-")  # the end of a sentence, or a dash after it
    if "/" in word and word[0] != "/" and "://" not in word and (word.count("/") == 1 or word.replace("/", "").isdigit()):
        return _SLASHED.sub(VALUE, word) + found[len(word) :]  # PS/2, 8086/2410, 2016/9/28: not a path
    return VALUE + found[len(word) :]


class _Tokens(dict[str, str]):
    """Masked form per token, computed once: a pure function of the token, so forgetting changes nothing."""

    def __missing__(self, token: str) -> str:
        masked = _VALUE_FORMS.sub(_masked, token)
        if len(token) <= MAX_CACHED_TOKEN_CHARS:
            if len(self) >= MAX_CACHED_TOKENS:
                self.clear()
            self[token] = masked
        return masked


_tokens = _Tokens()


def raw_shape(line: str) -> str:
    """Return ``line`` with each token masked by itself: cheap, and the same for most lines of a pattern.

    Only the first line of a message counts (a stack trace below it does not make a pattern), and of that at most
    ``MAX_LINE_CHARS`` characters and ``MAX_TOKENS`` tokens.
    """
    if len(line) > MAX_LINE_CHARS:
        line = line[:MAX_LINE_CHARS]
    if "\n" in line:
        line = line.lstrip().partition("\n")[0]
    if VALUE in line:
        line = line.replace(VALUE, " ")
    words = line.split(None, MAX_TOKENS)
    return " ".join(map(_tokens.__getitem__, words[:MAX_TOKENS]))


def shape(raw: str) -> str:
    """Return ``raw`` with values of several tokens (dates, sizes with their unit) made one."""
    return _INNER_DOT.sub(VALUE, _SIZE.sub(VALUE, _DATE_WORDS.sub(VALUE, raw)))


def without_runs(shape_: str) -> str:
    """Return ``shape_`` with each run of values counted as one, so that lists of any length are one pattern."""
    return _RUN.sub(VALUE, shape_)


def shown(shape_: str) -> str:
    """Return ``shape_`` as people read it, with ``<*>`` for each variable part."""
    return shape_.replace(VALUE, SHOWN_VALUE)
