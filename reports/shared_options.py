"""Options that several commands have, so that they read alike everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

Comment = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name in Markdown's hidden marker, to tell comments apart.")
]
Storage = Annotated[
    str, typer.Option(metavar="FOLDER|URL", help="Where runs are saved: a folder, or a shared store (s3://...).")
]
SAVED = ".benchmarks"  # pytest-benchmark's own default
PricePerKwh = Annotated[
    str | None, typer.Option(metavar="PRICE", help="Of a kilowatt-hour, for what changes cost: 0.30EUR.")
]
GridGPerKwh = Annotated[
    str | None, typer.Option(metavar="GRAMS", help="CO2e that a kilowatt-hour causes; the world's average, 458.")
]
