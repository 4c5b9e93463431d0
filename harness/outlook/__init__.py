"""What a test set can decide, and what a run takes, before anything is paid for: ``harness plan``.

    triage: with 300 cases and 3 seeds you can justify gains of 11.6 points or more (power 80 %, margin 3.0).
      A gain of 8.0 points would be shown 51 times in 100; it takes 3,630 cases with 3 seeds, 880 with 5.

``spread`` (how much differences vary) → ``suite`` (what that lets a suite decide) and ``effort`` (what each candidate takes
and can show) → ``forecast`` (both, of an experiment) → ``text``.
"""

from harness.outlook.forecast import Forecast, as_dict, forecast
from harness.outlook.options import Options
from harness.outlook.suite import Outlook
from harness.outlook.text import text

__all__ = ["Forecast", "Options", "Outlook", "as_dict", "forecast", "text"]
