"""The picture: how fast each contestant is, against the fastest peer of each workload."""

from summary import fastest

COLORS = {
    "deltarule": "#d62728", "torch": "#ff9f40", "torch_compile": "#c47a2c", "torch_jit": "#f2c48d",
    "jax": "#4c78a8", "sklearn": "#72b7b2", "onnxruntime": "#7a7a7a", "numpy": "#b9b9b9",
}  # fmt: skip


def draw(run, path):
    import matplotlib as mpl  # a run that is not drawn does without it

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    threads_shown = run["threads"]
    figure, axes = plt.subplots(
        len(threads_shown), 1, figsize=(11, 3.6 * len(threads_shown)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis, threads in zip(axes[:, 0], threads_shown, strict=True):
        _panel(axis, run, threads)
    handles, labels = {}, []
    for axis in axes[:, 0]:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    labels = [name for name in COLORS if name in handles]
    figure.legend([handles[name] for name in labels], labels, loc="outside right upper")
    quick = " (a quick run: its numbers mean little)" if run["quick"] else ""
    figure.suptitle(f"Speed, to the fastest peer{quick}\n{run['machine']['cpu']}", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _panel(axis, run, threads):
    names = []
    for place, (key, entry) in enumerate(run["workloads"].items()):
        peer = fastest(entry, threads, peers=True)
        names.append(f"{key}\n1 is {peer['contestant']}" if peer else key)
        shown = [r for r in entry["results"] if r["threads"] == threads and "median" in r]
        width = 0.84 / max(len(shown), 1)
        for i, result in enumerate(shown):
            base = peer or result
            at = place + (i - (len(shown) - 1) / 2) * width
            speed = base["median"] / result["median"]
            low, high = (base["median"] / result[q] for q in ("q3", "q1"))
            name = result["contestant"]
            axis.bar(at, speed - 1, width, bottom=1, color=COLORS[name], label=name)
            axis.plot([at, at], [low, high], color="black", linewidth=0.8)
            if name == "deltarule":
                axis.annotate(
                    f"{speed:.2g}x", (at, max(speed, high, 1)), ha="center", va="bottom",
                    xytext=(0, 2), textcoords="offset points", fontsize=8,
                )  # fmt: skip
    axis.set_yscale("log")
    axis.margins(y=0.12)
    axis.axhline(1, color="black", linewidth=0.8)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xticks(range(len(names)), names)
    axis.set_ylabel("times as fast")
    axis.set_title(f"{threads} thread{'s' if threads > 1 else ''}", fontsize=10)
