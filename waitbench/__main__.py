"""The program: `waitbench`, or `python -m waitbench`. It handles signals before it imports anything else."""

from waitbench.launch import interrupts


def main() -> None:
    interrupts.leave_at_once()
    from waitbench.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
