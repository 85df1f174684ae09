"""The program: `waitbench`, or `python -m waitbench`. Signals are handled before anything else is imported."""

from waitbench.launch import interrupts


def main() -> None:
    interrupts.leave_at_once()
    from waitbench.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
