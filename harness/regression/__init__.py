"""Has the tuned model forgotten what the base knew? Multiple-choice questions in MMLU's format, through lm-eval."""
