"""The picture: each contestant's score against its CPU seconds, the published scores beside."""

import standings

COLORS = {
    "deltarule": "#d62728", "hist_gradient_boosting": "#72b7b2", "xgboost": "#4c78a8",
    "lightgbm": "#54a24b", "catboost": "#b279a2", "sklearn_mlp": "#9d755d", "realmlp": "#ff9f40",
    "tabm": "#7a7a7a",
}  # fmt: skip
GAP = 0.052  # of a panel's height, from label to label


def draw(run, path):
    import matplotlib as mpl  # a run that is not drawn does without it

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tables = [table for table in run["tables"] if standings.of_table(run, table)]
    if not tables:
        return
    across = min(2, len(tables))
    down = -(-len(tables) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(7.2 * across, 4.6 * down), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(tables) :]:
        axis.remove()
    for axis, table in zip(axes.flat, tables, strict=False):
        _panel(axis, run, table)
    shown = {}
    for axis in figure.axes:
        shown |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    names = [name for name in COLORS if name in shown]
    figure.legend([shown[name] for name in names], names, loc="outside lower center", ncols=8)
    quick = " (a quick run: its numbers mean little)" if run["quick"] else ""
    title = f"Test scores against the time of a fit: better is up and to the left{quick}"
    where = f"{run['machine']['cpu']}, {standings.threads_of(run)}"
    figure.suptitle(f"{title}\n{where}", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _panel(axis, run, table):
    for row in standings.of_table(run, table):
        name = row["contestant"]
        place = row["cpu_seconds"], row["score"]
        marker, size = ("*", 14) if name == "deltarule" else ("o", 7)
        axis.errorbar(
            *place, yerr=row["deviation"], color=COLORS[name], marker=marker, markersize=size,
            capsize=3, linestyle="", label=name, zorder=3,
        )  # fmt: skip
    axis.set_xscale("log")
    axis.margins(x=0.1, y=0.1)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("")
    axis.set_xlabel("CPU seconds of a fit")
    less_is_better = run["published"]["data"][table]["score"] == "rmse"
    axis.set_ylabel("RMSE of the test rows" if less_is_better else "accuracy of the test rows")
    axis.set_title(table, fontsize=10)
    _published(axis, {name: of[table] for name, of in run["published"]["scores"].items()})
    if less_is_better:
        axis.invert_yaxis()


def _published(axis, scores):
    """A line for each score, and its name at the right where there is room for it."""
    for score in scores.values():
        axis.axhline(score, color="#cccccc", linewidth=0.7, zorder=1)
    low, high = axis.get_ylim()
    span = high - low
    names = sorted(scores, key=scores.get)
    heights = spread([scores[name] for name in names], GAP * span, low, high)
    for name, height in zip(names, heights, strict=True):
        axis.annotate(
            f"{name} {scores[name]:.4f}", (1.0, scores[name]), (1.04, height), fontsize=6.5,
            xycoords=axis.get_yaxis_transform(), textcoords=axis.get_yaxis_transform(),
            va="center", color="#555555", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": "#cccccc", "linewidth": 0.7,
                        "relpos": (0.0, 0.5), "shrinkA": 0.0, "shrinkB": 0.0},
        )  # fmt: skip
    axis.set_ylim(low, high)


def spread(heights, gap, low, high):
    """Sorted heights moved as far apart as labels need, within bounds, and as little as that takes.

    Those too near one another become a block, which stands around the mean of its own.
    """
    blocks = []  # where its labels would have the first of them, summed; how many they are
    for place, height in enumerate(heights):
        block = [height - place * gap, 1]
        while blocks and blocks[-1][0] / blocks[-1][1] >= block[0] / block[1]:
            total, count = blocks.pop()
            block = [total + block[0], count + block[1]]
        blocks.append(block)
    highest = max(low, high - (len(heights) - 1) * gap)
    firsts = [
        min(max(total / count, low), highest) for total, count in blocks for _ in range(count)
    ]
    return [first + place * gap for place, first in enumerate(firsts)]
