"""``python -m harness.verdict.schemas`` writes ``policy.json`` anew."""

from harness.verdict.schemas import write

if __name__ == "__main__":
    print(f"wrote {write()}")
