"""`python -m housekey` is the command `housekey`."""

from housekey.cli.main import run

if __name__ == "__main__":
    run()
