"""Turns the results of measure.py into the tables and the plot of a card."""
import hashlib
import json

FAMILIES = {"ddpm": ("ddpm", "analytic-ddpm", "npr-ddpm", "sn-ddpm"),
            "ddim": ("ddim", "analytic-ddim", "npr-ddim", "sn-ddim")}
OTHERS = ("ddpm large", "dpm-solver++", "probability-flow heun", "reverse-sde", "predictor-corrector")
EVALUATIONS = (10, 25, 50)


class Report:
    """The newest line of each name, of one model file and one classifier."""

    def __init__(self, path, model_digest, classifier):
        eye = hashlib.sha256(classifier.read_bytes()).hexdigest()
        self.rows = {}
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if (row["model"], row["classifier"]) == (model_digest, eye):
                self.rows[row["kind"], row["name"]] = row
        self.eye = json.loads(classifier.with_suffix(".json").read_text())

    def of_kind(self, kind):
        return [row for (k, _), row in self.rows.items() if k == kind]

    def real(self, count):
        return self.rows.get(("real", f"real {count}"))

    def at(self, kind, evaluations):
        """The cell of a sampler at about this many evaluations: a corrector and Heun's method use 9, 24 and 49."""
        for row in self.of_kind("cell"):
            if kind_of(row) == kind and abs(row["evaluations"] - evaluations) <= 1 and row["count"] >= 1000:
                return row
        return None


def kind_of(row):
    """The sampler's name in the tables; a sampler with adaptive steps keeps its own name."""
    if "--tolerance" in row["name"]:
        return row["name"]
    return row["sampler"] + (" heun" if "heun" in row["name"] else " large" if "large" in row["name"] else "")


def line(*cells):
    return "| " + " | ".join(str(c) for c in cells) + " |"


def main_table(r):
    """Distance and class agreement at 10, 25 and 50 evaluations, with the smallest distance of a column in bold."""
    kinds = [*FAMILIES["ddpm"], *FAMILIES["ddim"], *OTHERS]
    found = {kind: [r.at(kind, k) for k in EVALUATIONS] for kind in kinds}
    best = [min((row[i]["frechet"] for row in found.values() if row[i]), default=0) for i in range(len(EVALUATIONS))]
    lines = [line("sampler", *(f"{k}" for k in EVALUATIONS), *(f"label seen, {k}" for k in EVALUATIONS)),
             "|---" * (1 + 2 * len(EVALUATIONS)) + "|"]
    for kind, row in found.items():
        if any(row):
            bold = ["**" if c and c["frechet"] <= b else "" for c, b in zip(row, best)]
            distances = [f"{m}{c['frechet']:.2f}{m} ± {c['spread']:.2f}" if c else "" for c, m in zip(row, bold)]
            lines.append(line(kind, *distances, *(f"{c['agreement']:.1%}" if c else "" for c in row)))
    if real := r.real(1000):
        lines.append(line("real pictures", f"{real['frechet']:.2f} ± {real['spread']:.2f}", "", "",
                          f"{real['agreement']:.1%}", "", ""))
    return "\n".join(lines)


def other_table(r):
    """Results that fit no column: adaptive steps, many evaluations."""
    shown = [id(r.at(kind_of(c), k)) for c in r.of_kind("cell") for k in EVALUATIONS if "--tolerance" not in c["name"]]
    rest = [c for c in r.of_kind("cell") if id(c) not in shown]
    lines = [line("sampler", "pictures", "evaluations per picture", "Frechet distance", "as many real pictures",
                  "label seen"),
             "|---" * 6 + "|"]
    for c in rest:
        real = r.real(c["count"])
        lines.append(line(c["name"].replace("--", ""), f"{c['count']:,}", f"{c['evaluations']:.0f}",
                          f"{c['frechet']:.2f} ± {c['spread']:.2f}", f"{real['frechet']:.2f}" if real else "",
                          f"{c['agreement']:.1%}"))
    return "\n".join(lines) if rest else ""


def order_table(r):
    """Each family in the order of its distances; ~ joins neighbours that differ by less than their standard errors."""
    lines = [line("best first", *EVALUATIONS), "|---" * (1 + len(EVALUATIONS)) + "|"]
    for name, family in FAMILIES.items():
        cells = []
        for k in EVALUATIONS:
            rows = sorted((c for kind in family if (c := r.at(kind, k))), key=lambda c: c["frechet"])
            text = ""
            for before, row in zip([None, *rows], rows):
                short = row["sampler"].removesuffix(name).removesuffix("-") or "plain"
                if before:
                    near = row["frechet"] - before["frechet"] < (row["spread"] ** 2 + before["spread"] ** 2) ** 0.5
                    text += " ~ " if near else " < "
                text += short
            cells.append(text)
        lines.append(line(name, *cells))
    return "\n".join(lines)


def memory_text(r):
    rows = [r.at(kind, k) for kind in (*FAMILIES["ddpm"], *FAMILIES["ddim"]) for k in EVALUATIONS]
    rows = [row for row in rows if row]
    real = r.real(1000)
    if not rows or not real:
        return ""
    low, high = min(row["near"] for row in rows), max(row["near"] for row in rows)
    most = max(row["nearer"] for row in rows)
    return (f"The median of the root mean square difference to the nearest of the 60,000 training pictures and their mirror "
            f"images is {real['near']:.1f} grey levels for test pictures and {low:.1f} to {high:.1f} for drawn pictures "
            f"(cells of the ddpm and ddim families, 300 pictures each). 1 % of the test pictures are nearer to a training "
            f"picture than a certain limit; in each cell at most {most:.1%} of the drawn pictures are nearer than this limit.")


def bits_table(r):
    rows = r.of_kind("bits")
    lines = [line("method", "pictures", "evaluations per picture", "bits per dimension"), "|---" * 4 + "|"]
    for b in rows:
        lines.append(line(b["name"], b["count"], f"{b['evaluations']:.0f}", f"{b['mean']:.3f} ± {b['error']:.3f}"))
    return "\n".join(lines) if rows else ""


def save_plot(r, path):
    import matplotlib                   # here alone: tables are made without it
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator

    figure, axes = plt.subplots(figsize=(9, 5), dpi=110)
    groups = {}
    for c in r.of_kind("cell"):
        if c["count"] < 1000:       # few pictures are further from the reference, however good they are
            continue
        kind = "probability-flow RK45" if "--tolerance" in c["name"] else kind_of(c)
        groups.setdefault(kind, []).append((c["evaluations"], c["frechet"]))
    for i, (kind, points) in enumerate(groups.items()):
        style = "--" if kind.endswith("ddim") else "-" if "ddpm" in kind else ":"
        colour = plt.cm.tab20(i % 20)
        axes.plot(*zip(*sorted(points)), style, marker="osv^D*PX"[i % 8], color=colour, label=kind, lw=1.3)
    if real := r.real(1000):
        axes.axhline(real["frechet"], color="grey", lw=1, label="1,000 real pictures")
    axes.set(xscale="log", yscale="log", xlabel="evaluations of the network per picture", ylabel="Frechet distance")
    axes.set_xticks([10, 25, 50, 100, 200], ["10", "25", "50", "100", "200"])
    axes.xaxis.set_minor_formatter("")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.grid(alpha=.3, which="both")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
