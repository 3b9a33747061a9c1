"""What heads answer of many queries as one table: a row for each query and head, and why it may be believed."""

from collections.abc import Mapping

from af2jax.heads.answer import Answer

COLUMNS = (
    "query",
    "head",
    "kind",
    "output",  # of a head with several numbers, from 1
    "class",
    "probability",
    "value",
    "unit",
    "spread",  # of the probability or the value, over seeds or runs
    "summary",  # of heads of residues and pairs, which answer many times
    "table",  # the file that has all these answers
    "calibrated",
    "nearest",
    "identity",  # 0 to 1, of the nearest training sequence
    "length",
    "length_in_range",
)


def rows(query: str, answers: Mapping[str, Answer], tables: Mapping[str, str] | None = None) -> list[dict]:
    """The rows of one query, for each head one (for a head of several numbers one for each), as JSON has them.

    A head of the whole has its class with the probability, or its value. A head of residues or pairs has the shares of
    its most probable classes in `summary`, or the mean as `value`; `tables` says by head which file has the rest.
    """
    return [row for answer in answers.values() for row in _rows(query, answer, (tables or {}).get(answer.head, ""))]


def _rows(query: str, answer: Answer, table: str) -> list[dict]:
    row = dict.fromkeys(COLUMNS, "") | {"query": query, "head": answer.head, "kind": answer.kind, "table": table}
    row |= {"unit": answer.unit}
    if answer.classes:
        row["calibrated"] = "yes" if answer.calibrated else "no"
    if near := answer.near:
        row |= {"nearest": near.id, "identity": round(near.identity, 3), "length": near.length}
        row["length_in_range"] = "yes" if near.length_in_range else "no"
    many = answer.values.ndim - 1  # axes of places
    places = f"of {answer.values.shape[0]} residues" if many == 1 else f"of {answer.values[..., 0].size} pairs"
    if answer.classes and many:
        shares = ((name, float((answer.best == name).mean())) for name in answer.classes)
        return [row | {"summary": "; ".join(f"{name} {share:.3f}" for name, share in shares) + f" {places}"}]
    if answer.classes:
        best = int(answer.values.argmax())
        spread = "" if answer.spread is None else float(answer.spread[best])
        return [row | {"class": answer.classes[best], "probability": float(answer.values[best]), "spread": spread}]
    over = tuple(range(many))
    values = answer.values.mean(over).tolist()
    spreads = [""] * len(values) if answer.spread is None else answer.spread.mean(over).tolist()
    several = len(values) > 1
    return [
        row
        | {"output": i if several else "", "value": value, "spread": spread}
        | ({"summary": f"mean {places}"} if many else {})
        for i, (value, spread) in enumerate(zip(values, spreads, strict=True), 1)
    ]
