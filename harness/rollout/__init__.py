"""From shadow to everybody: how many ratings each stage takes, and what those of production show, at any look.

rollout = load_rollout(Path("rollout.toml"))
plan(rollout).stages[1].users                                     # before
judge(load_ratings([Path("ratings.jsonl")], rollout), rollout)    # every hour, if you like
"""

from harness.rollout.declaration import Guard, Rollout, Stage, load_rollout
from harness.rollout.judgement import Judgement, judge
from harness.rollout.ratings import Ratings, load_ratings
from harness.rollout.sizes import Plan, plan

__all__ = ["Guard", "Judgement", "Plan", "Ratings", "Rollout", "Stage", "judge", "load_ratings", "load_rollout", "plan"]
