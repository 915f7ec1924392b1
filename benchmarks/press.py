"""How CMYK without a profile looks, beside the official engine; and a model of that.

    IMAGEFLOW_LIBRARY=… python benchmarks/press.py measure FILE.npz
    python benchmarks/press.py compare FILE.npz [--check]
    python benchmarks/press.py fit FILE.npz

`measure` asks the official engine, which `IMAGEFLOW_LIBRARY` names: it decodes JPEGs of
flat blocks, at 17 levels of each ink and at inks by chance, and keeps the colours.
`compare` says how far the engine under test is from them where inks are by chance.

`fit` writes the tables of `engine/src/decode/colour/press.rs`, in some ten minutes: the
colours of 4 × 4 × 4 × 5 solids in L*a*b*, and the shares of these that each ink makes
at each level. Of what they mix, the squares of the errors in sRGB are least. Where sRGB
has no darker colour, any darker one is right. Paper, single inks and full black count
more, for pictures have more of them than chance has. Inks by chance it does not see.
"""

from __future__ import annotations

import argparse
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

import imageflow_loader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[Any]

LEVELS = 17
LEAST_DB = 48.0
CHANCES = 16_000
# Levels at which only one solid of an ink counts: there the model is what was measured.
SOLIDS: dict[str, tuple[int, ...]] = {
    "CYAN": (0, 6, 12, 16),
    "MAGENTA": (0, 6, 12, 16),
    "YELLOW": (0, 6, 12, 16),
    "BLACK": (0, 8, 12, 14, 16),
}

# Primaries and white of sRGB, as a profile has them (D50).
TO_XYZ = np.array(
    [
        [0.43607, 0.38515, 0.14307],
        [0.22249, 0.71687, 0.06061],
        [0.01392, 0.09708, 0.71410],
    ]
)
WHITE = TO_XYZ.sum(1)
TO_LAB = np.array([[0.0, 116, 0], [500, -500, 0], [0, 200, -200]])
BELOW = np.array([16, 0, 0])


def decoded(inks: Array) -> Array:
    """Return the RGB that an engine makes of rows of inks."""
    side = math.isqrt(len(inks) - 1) + 1
    square = np.zeros((side * side, 4), np.uint8)
    square[: len(inks)] = inks
    blocks = square.reshape(side, side, 4).repeat(8, 0).repeat(8, 1)
    file = io.BytesIO()
    picture = Image.frombytes("CMYK", (side * 8, side * 8), blocks.tobytes())
    picture.save(file, "JPEG", quality=100, subsampling=0)
    encode = {"io_id": 1, "preset": {"libpng": {"depth": "png_24"}}}
    message = {"framewise": {"steps": [{"decode": {"io_id": 0}}, {"encode": encode}]}}
    engine = imageflow_loader.get_engine()
    done = engine.send_json(
        "v1/execute", message, inputs={0: file.getvalue()}, outputs=[1]
    )
    with Image.open(io.BytesIO(done.outputs[1])) as picture:
        rgb = np.asarray(picture.convert("RGB"))
    colors: Array = rgb[4::8, 4::8].reshape(-1, 3)[: len(inks)]
    return colors


def every_level() -> Array:
    """Return the inks of the fit."""
    levels = np.round(np.linspace(0, 255, LEVELS)).astype(np.uint8)
    return np.stack(np.meshgrid(*[levels] * 4, indexing="ij"), -1).reshape(-1, 4)


def by_chance() -> Iterator[tuple[str, Array]]:
    """Yield inks of several kinds, which the fit does not see."""
    chance = np.random.default_rng(2026)
    inks = chance.integers(0, 256, (CHANCES, 4), np.uint8)
    yield "any inks", inks
    yield "no black", inks * np.array([1, 1, 1, 0], np.uint8)
    yield "light", (chance.random((CHANCES, 4)) ** 2 * 160).astype(np.uint8)
    heavy = inks.copy()
    heavy[:, 3] = 160 + heavy[:, 3] // 3
    yield "heavy black", heavy
    rgb = chance.random((CHANCES, 3)) * 255
    black = (255 - rgb).min(1, keepdims=True) * chance.random((CHANCES, 1))
    colors = (255 - rgb - black) * 255 / np.maximum(255 - black, 1)
    yield "separated", np.hstack((colors, black)).round().astype(np.uint8)
    yield "one ink", np.kron(np.eye(4), np.arange(256)[:, None]).astype(np.uint8)


def measure(path: Path) -> None:
    """Keep what an engine answers."""
    asked = {"levels": every_level(), **dict(by_chance())}
    answers: dict[str, Any] = {name: decoded(inks) for name, inks in asked.items()}
    np.savez(path, **answers)


def compare(path: Path) -> bool:
    """Print how far an engine is from what was kept, and return whether it is near."""
    kept, near = np.load(path), True
    print(f"{'':12}    dB   more than 1 off   most")
    for name, inks in by_chance():
        off = np.abs(decoded(inks).astype(int) - kept[name])
        db = 10 * math.log10(255**2 / max((off**2).mean(), 1e-9))
        near &= db >= LEAST_DB
        print(f"{name:12} {db:5.1f} {100 * (off > 1).mean():15.1f} % {off.max():6}")
    return near


def at_levels(rgb: Array) -> Array:
    """Return what would be measured at equal steps, which are between whole levels."""
    at = np.round(np.linspace(0, 255, LEVELS)) / 255 * (LEVELS - 1)
    below = np.minimum(at.astype(int), LEVELS - 2)
    between = np.zeros((LEVELS, LEVELS))
    between[range(LEVELS), below] = 1 + below - at
    between[range(LEVELS), below + 1] = at - below
    exact = rgb
    for ink in range(4):
        exact = np.tensordot(np.linalg.inv(between), exact, (1, ink))
        exact = np.moveaxis(exact, 0, ink)
    return np.where(rgb < 0.5, 0, exact.clip(0, 255))


class Model(NamedTuple):
    """Solids in L*a*b*, and their shares at each level of each ink."""

    colors: Array
    shares: list[Array]

    def mixed(self, but: int | None = None) -> Array:
        """Return all mixtures; of one ink the solids instead, on request."""
        colors = self.colors
        for ink, shares in enumerate(self.shares):
            if ink != but:
                colors = np.moveaxis(np.tensordot(shares, colors, (1, ink)), 0, ink)
        return colors


def to_lab(rgb: Array) -> Array:
    """Return the L*a*b* of sRGB, of which components may be negative."""
    v = np.abs(rgb) / 255
    light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    xyz = np.sign(rgb) * light @ TO_XYZ.T / WHITE
    roots = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lab: Array = roots @ TO_LAB.T - BELOW
    return lab


def to_rgb(lab: Array) -> Array:
    """Return the sRGB of L*a*b*, of which components may be outside of 0–255."""
    roots = (lab + BELOW) @ np.linalg.inv(TO_LAB).T
    xyz = np.where(roots > 6 / 29, roots**3, (116 * roots - 16) * 27 / 24389) * WHITE
    light = xyz @ np.linalg.inv(TO_XYZ).T
    v = np.abs(light)
    v = np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055)
    rgb: Array = 255 * np.sign(light) * v
    return rgb


def first_model(rgb: Array, *, rounds: int = 30) -> Model:
    """Return the best subspaces for each ink (HOSVD), where cut colours are guessed."""
    dark, guess = rgb < 0.5, rgb - 20.0 * (rgb < 0.5)
    for _ in range(rounds):
        lab = to_lab(guess)
        shares = []
        for ink, levels in enumerate(SOLIDS.values()):
            flat = np.moveaxis(lab, ink, 0).reshape(LEVELS, -1)
            space = np.linalg.eigh(flat @ flat.T)[1][:, -len(levels) :]
            shares.append(space @ np.linalg.inv(space[list(levels)]))
        colors = lab
        for ink, share in enumerate(shares):
            inverse = np.linalg.pinv(share)
            colors = np.moveaxis(np.tensordot(inverse, colors, (1, ink)), 0, ink)
        model = Model(colors, shares)
        guess = np.where(dark, np.minimum(to_rgb(model.mixed()), 0.4), rgb)
    for share in shares:
        share[:, 0] = 1 - share[:, 1:].sum(1)
    return model


def importance() -> Array:
    """Return how much each of the measured colours counts."""
    none = np.stack(np.meshgrid(*[np.arange(LEVELS) == 0] * 4, indexing="ij"), -1)
    few = np.array([1, 1, 3, 40, 40])[none.sum(-1)]
    black = np.array([8, *[1] * 12, 2.5, 2.5, 2.5, 6])
    weights: Array = few * black / (few * black).mean()
    return weights


def errors(lab: Array, rgb: Array) -> Array:
    """Return what is off, where darker than black is black."""
    mixed = to_rgb(np.maximum(lab, [0, -128, -128]))
    return np.where(rgb < 0.5, np.maximum(mixed, 0), mixed).clip(-9, 264) - rgb


def fit(rgb: Array, *, rounds: int = 20) -> Model:
    """Return the model of least squares, found by Levenberg and Marquardt's steps."""
    model, weights, damping = first_model(rgb), importance(), 1e-3
    cost = (weights[..., None] * errors(model.mixed(), rgb) ** 2).mean()
    for _ in range(rounds):
        normal, slope = equations(model, rgb, weights)
        for _ in range(8):
            damped = normal + damping * np.diag(np.diag(normal) + 1e-6 * normal.max())
            tried = moved(model, np.linalg.solve(damped, -slope))
            new = (weights[..., None] * errors(tried.mixed(), rgb) ** 2).mean()
            damping *= 0.2 if new < cost else 5
            if new < cost:
                break
        else:
            return model
        model, gain, cost = tried, cost - new, new
        if gain < 1e-3 * cost:
            break
    return model


def free(solids: tuple[int, ...]) -> list[int]:
    """Return the levels whose shares are sought."""
    return [level for level in range(LEVELS) if level not in solids]


def moved(model: Model, step: Array) -> Model:
    """Return the model that is a step away."""
    colors, rest = np.split(step, [model.colors.size])
    shares = []
    for old, solids in zip(model.shares, SOLIDS.values(), strict=True):
        new, sought = old.copy(), free(solids)
        own, rest = np.split(rest, [len(sought) * (len(solids) - 1)])
        new[sought, 1:] += own.reshape(len(sought), -1)
        new[:, 0] = 1 - new[:, 1:].sum(1)
        shares.append(new)
    return Model(model.colors + colors.reshape(model.colors.shape), shares)


def equations(model: Model, rgb: Array, weights: Array) -> tuple[Array, Array]:
    """Return the normal equations of a step, summed over the levels of cyan."""
    solids = [np.moveaxis(model.mixed(but=ink), ink, 3) for ink in range(4)]
    normal: Any = 0
    slope: Any = 0
    for cyan in range(LEVELS):
        at = (np.full(LEVELS**3, cyan), *np.indices((LEVELS,) * 3).reshape(3, -1))
        mix = np.ones((LEVELS**3, 1))
        for shares, levels in zip(model.shares, at, strict=True):
            mix = (mix[:, :, None] * shares[levels][:, None]).reshape(LEVELS**3, -1)
        lab, root = mix @ model.colors.reshape(-1, 3), np.sqrt(weights[at])[:, None]
        turn = turns(lab, rgb[at]) * root[..., None]
        parts = [products(turn, mix)]
        for ink, full in enumerate(SOLIDS.values()):
            states = solids[ink][tuple(np.delete(at, ink, 0))]
            change = np.einsum("nij,nsj->nis", turn, states[:, 1:] - states[:, :1])
            parts.append(products(change, at[ink][:, None] == np.array(free(full))))
        rows = np.concatenate(parts, 2).reshape(-1, sum(p.shape[2] for p in parts))
        normal = normal + rows.T @ rows
        slope = slope + rows.T @ (errors(lab, rgb[at]) * root).reshape(-1)
    return normal, slope


def turns(lab: Array, rgb: Array) -> Array:
    """Return how the errors change with each of L*, a* and b*."""
    nudges = np.eye(3) / 1000
    changes = [errors(lab + n, rgb) - errors(lab - n, rgb) for n in nudges]
    return np.stack(changes, -1) * 500


def products(changes: Array, factors: Array) -> Array:
    """Return what three errors change by, for each factor and each change."""
    changes, factors = changes.astype(np.float32), factors.astype(np.float32)
    every: Array = factors[:, None, :, None] * changes[:, :, None]
    return every.reshape(len(every), 3, -1)


def rust(model: Model) -> str:
    """Return the tables as they stand in the engine."""
    states = len(SOLIDS["BLACK"])
    tenths = (model.colors * 10).round().astype(int).reshape(-1, states, 3)
    text = table(f"COLORS: [[i16; 3]; {len(tenths) * states}]", tenths.tolist())
    for (name, levels), shares in zip(SOLIDS.items(), model.shares, strict=True):
        rows = (shares[:, 1:] * 1000).round().astype(int).tolist()
        lines = [rows[start : start + 4] for start in range(0, LEVELS, 4)]
        text += table(f"{name}: [[i16; {len(levels) - 1}]; LEVELS]", lines)
    return text


def table(declared: str, lines: list[list[list[int]]]) -> str:
    """Return a constant of several rows in each line."""
    text = "".join(f"    {str(rows)[1:-1]},\n" for rows in lines)
    return f"const {declared} = [\n{text}];\n"


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task", choices=("measure", "compare", "fit"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="1 when it is not near")
    options = parser.parse_args()
    if options.task == "measure":
        measure(options.file)
    elif options.task == "fit":
        levels = np.load(options.file)["levels"].reshape(*[LEVELS] * 4, 3)
        print(rust(fit(at_levels(levels.astype(float)))), end="")
    elif not compare(options.file) and options.check:
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
