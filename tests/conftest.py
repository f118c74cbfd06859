"""What every tier shares: the tiers themselves, the short and the long form, one namespace for each test."""

pytest_plugins = [
    "tests.support.form",
    "tests.support.tiers",
    "tests.support.instances",
    "tests.support.fixtures",
]
