"""A coverage-guided fuzzer over every format of declarations; see ``scripts/fuzz``."""
