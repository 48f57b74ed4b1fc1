"""Where PyInstaller finds how to freeze a program that uses deltarule."""

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """Tell PyInstaller the folder; the entry point ``pyinstaller40`` names this function."""
    return [str(Path(__file__).parent)]
