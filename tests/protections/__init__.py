"""Every protection, taken out once: a test that stays green without what it protects protects nothing."""
