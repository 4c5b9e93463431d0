"""Gates: what ``pytest suites/`` checks. ``judge`` is the pure part; the rest is plumbing between pytest and the store.

place      where projects lie; all that a session elsewhere ever imports
judge      gate + scores → Outcome
bench      an experiment under test: what it fields, what the store holds, measured first where that is missing
node       suite.toml as a pytest node, its gates as items
hooks      options, header, filters, reports
github     annotations and a summary, where GitHub Actions runs it
fixtures   suite, scores, paired, answers for tests that users write beside suite.toml
"""
