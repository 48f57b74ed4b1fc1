"""``python -m deltarule``, and the command ``deltarule``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command on the program's arguments; ``cli.main.run`` says what the exit codes are."""
    try:
        from deltarule.cli.main import run
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("deltarule"):
            raise
        sys.stderr.write(
            f"deltarule: the command needs {missing.name}, which is not installed: "
            'pip install "deltarule[cli]"\n'
        )
        return 1
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
