"""When are words in one place of otherwise equal lines values of one variable, and what is left of them then?"""

import re

from opsloop.log.tokens import VALUE

# How many distinct words one place must have shown before it counts as variable. Two are an on and an off; three plain
# lower-case names are what users, hosts and queues look like; words in capitals or camel case come from the code, where
# lists of up to five states are usual. Every inflected word (started, stopping, connection) asks for one more.
MIN_VALUES = 2
MIN_NAMES = 3
MIN_CODE_WORDS = 5
MIN_FIRST_WORDS = 8  # lines start with what is speaking or done ("sshd startup succeeded"), seldom with a value
MIN_PREFIXED_FIRST_WORDS = 4  # ... but com.example.one, com.example.two are values of com.example.<*>
MIN_KEPT_WORDS = 3  # with letters must stay the same beside variable places: less says nothing about the line

_INFLECTED = re.compile(r"[a-z](?:ed|ing|[a-z]ion)\Z")
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]{2}")
_NUMBER = re.compile(r"\d+")


def merged_word(one: str, other: str) -> str:
    """Return what ``one`` and ``other`` share at their ends, in whole words, around one value: user=ann, user=bob
    give user=<*>."""
    if one == other:
        return one
    if " " in one or " " in other:  # runs of values
        words, others = one.split(" "), other.split(" ")
        if len(words) != len(others):
            return VALUE
        return " ".join(merged_word(*pair) for pair in zip(words, others, strict=True))
    start = _boundary(one, _shared(one, other))
    rest, other_rest = one[start:][::-1], other[start:][::-1]
    end = _boundary(rest, _shared(rest, other_rest))
    return one[:start] + VALUE + (one[len(one) - end :] if end else "")


def _shared(one: str, other: str) -> int:
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return length


def _boundary(text: str, length: int) -> int:
    """Return the most of ``length`` characters that end between words."""
    while length and (text[length - 1].isalnum() or text[length - 1] in ("_", VALUE)):
        length -= 1
    return length


def is_variable(words: set[str], place: int) -> bool:
    """Return whether the distinct ``words`` seen in one place (0 is the first of the line) are values of a variable."""
    if len(words) < MIN_VALUES:
        return False
    ordered = sorted(words)
    whole = ordered[0]
    for word in ordered[1:]:
        whole = merged_word(whole, word)
    before, _, after = whole.partition(VALUE)
    middles = ordered if VALUE in after else [word[len(before) : len(word) - len(after)] for word in ordered]
    if any(not middle or (VALUE in middle and not _LETTER.search(middle)) for middle in middles):
        return True  # the place held a value, or nothing, at other times
    if before.endswith("="):
        return True  # the value of a key
    if len({_NUMBER.sub("0", middle) for middle in middles}) == 1:
        return True  # one name with different numbers
    if place == 0:
        needed = MIN_PREFIXED_FIRST_WORDS if _LETTER.search(before) else MIN_FIRST_WORDS
    else:
        needed = MIN_NAMES if all(middle.islower() for middle in middles) else MIN_CODE_WORDS
    return len(words) >= needed + sum(1 for middle in middles if _INFLECTED.search(middle))


def says_enough(words: list[str], holes: frozenset[int]) -> bool:
    """Return whether what stays of ``words`` beside the variable places ``holes`` still says what the line is."""
    kept = sum(1 for place, word in enumerate(words) if place not in holes and _WORD.search(word))
    return kept >= max(MIN_KEPT_WORDS, len(holes))
