"""The tables in the terminal."""


def time(seconds):
    """Seconds in the unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size or unit == "us":
            return f"{seconds / size:.3g} {unit}"
    raise AssertionError


def heading(run):
    machine = run["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["packages"].items() if v)
    peaks = "; ".join(
        f"{width} "
        + ", ".join(f"{speed:.0f} on {threads}" for threads, speed in by_threads.items())
        for width, by_threads in run["peak"].items()
    )
    return "\n".join([
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}",
        f"{machine['compiler']}; Python {machine['python']}; {versions}",
        f"deltarule's instruction set: {machine['deltarule_isa']}; "
        f"FMA peak in GFLOP/s of float32: {peaks or 'not measured'}",
        f"deltarule's build: {machine.get('deltarule_sha256', '-')[:12]} in "
        f"{machine.get('deltarule_path', '-')}",
        f"load when it began: {machine['load_at_start']:.2f}",
    ])  # fmt: skip


def workload(key, entry, thread_counts):
    """A workload's contestants, a column a number of threads."""
    kind = "same loss" if entry["loss"] else "same outputs"
    lines = [f"{key}  {entry['title']}: {entry['unit']}; {kind} to {entry['tolerance']:.2g}"]
    names = list(dict.fromkeys(result["contestant"] for result in entry["results"]))
    columns = [["", *names]]
    by_place = {(r["contestant"], r["threads"]): r for r in entry["results"]}
    for threads in thread_counts:
        title = f"{threads} thread{'s' if threads > 1 else ''}"
        cells = [_cell(by_place.get((name, threads), {})) for name in names]
        columns.append([title, *cells])
    lines += aligned(columns)
    for text in dict.fromkeys(_reason(result) for result in entry["results"]):
        lines += [f"    {text}"] if text else []
    return "\n".join(lines)


def _cell(result):
    if "median" in result:
        spread = (result["q3"] - result["q1"]) / result["median"]
        text = f"{time(result['median']):>8} {'+-' + format(spread / 2, '.0%'):>5}"
        if "ratio_to_deltarule" in result:
            text += f" {result['ratio_to_deltarule']:7.2f}x"
        if result["fraction_of_peak"] is not None:
            text += f" {result['fraction_of_peak']:5.0%} peak"
        return text
    return "refused" if "refused" in result else "-"


def _reason(result):
    if "refused" in result:
        return f"{result['contestant']} on {result['threads']} refused: {result['refused']}"
    reason = result.get("absent", "does not do this")
    if "median" in result or reason == "does not do this":
        return None
    return f"{result['contestant']}: {reason}"


def startup(result):
    rows = [
        [name, f"{entry['median'] * 1e3:.0f} ms",
         f"{entry['first_median'] * 1e3:.0f} ms" if "first_median" in entry else "-",
         f"{entry['installed_mb']:.1f} MB"
         if "installed_mb" in entry else "-", entry.get("note", "")
         or (f"wheel {entry['wheel_mb']:.2f} MB" if "wheel_mb" in entry else "")]
        for name, entry in result.items()
    ]  # fmt: skip
    title = ["", "import", "to the first prediction", "installed", ""]
    return "\n".join([
        "S9, S14  import, and a first fit and prediction, beyond NumPy's own; size on the disk",
        *aligned(list(zip(title, *rows, strict=True))),
    ])  # fmt: skip


def streaming(result):
    row, growth = result["microseconds_a_row"], result["growth_mb"]
    return (
        f"S10  an epoch over {result['rows']:,} memory-mapped rows ({result['file_mb']:.0f} MB), "
        f"32-64-64-1, batch 1024, {result['threads']} threads\n"
        f"    {row['mapped']:.3f} us a row, from memory {row['memory']:.3f}: "
        f"{result['ratio']:.2f}x\n"
        f"    resident memory grew by {growth['VmRSS']:.0f} MB (anonymous {growth['RssAnon']:.0f}, "
        f"file {growth['RssFile']:.0f})"
    )


def goals(rows):
    cells = [
        [row["key"], row["what"], f"{row['reached']:.3g}",
         f"{'<=' if row['most'] else '>='} {row['goal']:.3g}", "met" if row["met"] else "missed"]
        for row in rows
    ]  # fmt: skip
    title = ["", "", "reached", "goal", ""]
    return "\n".join(["Goals", *aligned(list(zip(title, *cells, strict=True)))])


def load(run):
    """Who else was busy while repetitions ran: the reader's measure of noise."""
    loads = [entry["load"] for entry in run["workloads"].values()]
    seconds = sum(load["seconds"] for load in loads)
    if not seconds:
        return None
    idle = sum(load["idle_workers"] for load in loads) / seconds
    others = sum(load["others"] for load in loads) / seconds
    text = f"while they ran, waiting contestants used {idle:.2f} of a CPU, all else {others:.2f}"
    noisy = idle > 0.05 or others > 0.15
    return text + ("; NOISY: do not quote these numbers" if noisy else "")


def aligned(columns):
    widths = [max(len(cell) for cell in column) for column in columns]
    return [
        "    " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in zip(*columns, strict=True)
    ]
