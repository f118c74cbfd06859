"""`python -m plimsoll` is the same as `plimsoll`."""

from plimsoll.cli.main import run

if __name__ == "__main__":
    run()
