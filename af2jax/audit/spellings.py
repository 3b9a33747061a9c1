"""One class under several spellings."""

import re
import unicodedata
from collections import Counter, defaultdict

YES, NO = ("yes", "y", "true", "t", "1", "positive", "pos"), ("no", "n", "false", "f", "0", "negative", "neg")
LONG, RARE, OFTEN = 6, 2, 10  # letters, and counts of the two, of what may be a typing error


def spellings(counts: Counter) -> list[tuple[str, ...]]:
    """Names of classes that seem to mean one class, the most frequent first, of [name: number of items].

    They differ in capitals, blanks, hyphens or the form of a number, are both a yes or a no, or differ by one letter
    where one is frequent and the other occurs once or twice.
    """
    by_key: dict[str, list[str]] = defaultdict(list)
    for name, _ in counts.most_common():
        by_key[_key(name)].append(name)
    keys = set(by_key)
    if keys <= {*YES, *NO} and len(keys) > 2:
        words: dict[str, list[str]] = defaultdict(list)
        for key, names in by_key.items():
            words["yes" if key in YES else "no"] += names
        by_key = words
    found = [sorted(names, key=lambda name: (-counts[name], name)) for names in by_key.values()]
    for rare in [names for names in found if sum(counts[name] for name in names) <= RARE]:
        own = _key(rare[0])
        for names in found:
            often = sum(counts[name] for name in names) >= OFTEN * sum(counts[name] for name in rare)
            if names is not rare and often and _one_letter(own, _key(names[0])):
                names += rare
                found.remove(rare)
                break
    return [tuple(names) for names in found if len(names) > 1]


def _key(name: str) -> str:
    """What names of one class share."""
    try:
        return f"{float(name):g}"
    except ValueError:
        text = unicodedata.normalize("NFKC", name).casefold().strip()
        return re.sub(r"(?<=\w)[\s_./-]+(?=\w)", "", text)


def _one_letter(a: str, b: str) -> bool:
    """Whether words of letters differ by one inner letter: another one, one more, one less, or two exchanged."""
    if min(len(a), len(b)) < LONG or not (a + b).isalpha() or abs(len(a) - len(b)) > 1:
        return False
    if a[0] != b[0] or a[-1] != b[-1]:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest, other = a[start:], b[start:]
    return (
        rest[1:] == other[1:]
        or rest[1:] == other
        or rest == other[1:]
        or (rest[:2] == other[1::-1] and rest[2:] == other[2:])
    )
