"""Where `turnout` starts: the command that is started after every answer goes past all that takes time."""

import sys


def run() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["statusline"]:
        from router.cli.statusline import statusline

        statusline()
        return
    from router.cli.main import run as run_command

    run_command()


if __name__ == "__main__":
    run()
