"""What a person says instead of what the experiment says.

harness plan --cases 300 --seeds 3 --margin 0.03
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import BadInput


@dataclass(frozen=True, slots=True)
class Options:
    """None leaves what is known.

    Raises:
        BadInput: for a number that makes no sense.
    """

    cases: int | None = None
    seeds: int | None = None
    margin: float | None = None
    gain: float | None = None
    power: float | None = None
    alpha: float | None = None
    case_sd: float | None = None
    seed_sd: float | None = None

    def __post_init__(self) -> None:
        for name in ("cases", "seeds"):
            value = getattr(self, name)
            if value is not None and value < 2:
                raise BadInput(f"--{name}: given {value}: 2 or more is asked")
        for name in ("margin", "gain", "case_sd", "seed_sd"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise BadInput(f"--{name.replace('_', '-')}: given {value:g}: 0 to 1 is asked, 0.03 for 3 points")
        for name, most in (("power", 1.0), ("alpha", 0.5)):
            value = getattr(self, name)
            if value is not None and not 0 < value < most:
                raise BadInput(f"--{name}: given {value:g}: more than 0 and less than {most:g} is asked")
