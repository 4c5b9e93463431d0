"""Worlds with a known right answer, and how often a verdict on their rows is wrong.

`world` (what is planted, and the right answer) · `rows` (a draw as rows) · `catalogue` and `ranges` (which worlds) ·
`rules` (what others would say of the same draw) · `trial` (one draw, judged) · `leaks` (the leak detector, on texts) · `goals` (shares against their marks) ·
`page` (what people read)
"""
