"""A model of a table as one C header: from numbers and coded categories to answers."""

from __future__ import annotations

from deltarule._files.atomic import PathLike
from deltarule._interchange.c_header import Encode, Header, ensemble_to_c, quoted
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.targets import ClassEncoder, TargetScaler

_ANSWER = """\
#define ${NAME}_$COUNT $count

/* $answer := $what for the columns of a table, ${NAME}_COLUMNS numbers:
$lines */
static inline void ${name}_$function(const double *columns, double *$answer) {
  ${NAME}_STORAGE $real X[${NAME}_INPUTS], A[${NAME}_OUTPUTS];
  ${name}_encode(columns, X);
  ${name}_predict(X, A);
$statements}

"""


def to_c(fitted: Fitted, path: PathLike, name: str = "model") -> None:
    """Write a fitted model as a C header.

    Beside ``<name>_encode`` and ``<name>_predict``, as of a network with ``inputs``, it has
    ``<name>_probabilities(columns, P)`` of a classifier, those after the temperature, or
    ``<name>_prediction(columns, Y)`` of a regressor: from a row of the table to the answer, both in
    double.

    Raises
    ------
    TypeError, ValueError
        As in ``Network.to_c``: a column of dates is refused.
    """

    def add_table(header: Header, encode: Encode) -> str:
        fitted.encoder.add_to_c(encode)
        if isinstance(fitted.targets, TargetScaler):
            return _prediction(header, fitted.targets)
        return _probabilities(header, fitted.targets, fitted.temperature)

    networks, weights = fitted.ensemble._that_count()
    ensemble_to_c(networks, weights, None, path, name, add_table)


def _probabilities(header: Header, targets: ClassEncoder, temperature: float) -> str:
    names = targets.classes.tolist()
    statements = [f"for (size_t i = 0; i < {len(names)}; ++i) P[i] = (double)A[i];"]
    if len(names) == 2:
        statements = ["P[1] = (double)A[0];", "P[0] = 1 - P[1];"]
    if temperature != 1:
        power = 1 / temperature
        statements.append(f"{header.call('tempered')}({power!r}, {len(names)}, P);")
    classes = [quoted(each) if isinstance(each, str) else str(each) for each in names]
    return _answer(header, "CLASSES", "P", "probabilities", "the probabilities of the classes",
                   classes, statements)  # fmt: skip


def _prediction(header: Header, targets: TargetScaler) -> str:
    mean, deviation, least, most = (
        getattr(targets, name).tolist() for name in ("mean", "deviation", "least", "most")
    )
    statements, told = [], []
    for k in range(len(mean)):
        value = f"(double)A[{k}] * {deviation[k]!r} + {mean[k]!r}"
        if targets.clamp:
            value = f"{header.call('clamped')}({value}, {least[k]!r}, {most[k]!r})"
        statements.append(f"Y[{k}] = {value};")
        told.append(f"{least[k]:g} to {most[k]:g} in training")
    return _answer(header, "TARGETS", "Y", "prediction", "the numbers", told, statements)


def _answer(
    header: Header,
    count: str,
    answer: str,
    function: str,
    what: str,
    told: list[str],
    statements: list[str],
) -> str:
    lines = [f" *   {answer}[{place}]  {each}\n" for place, each in enumerate(told)]
    return header.text(
        _ANSWER,
        COUNT=count,
        count=len(told),
        answer=answer,
        function=function,
        what=what,
        lines="".join(lines),
        statements="".join(f"  {statement}\n" for statement in statements),
    )
