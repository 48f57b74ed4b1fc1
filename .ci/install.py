"""Install with pip, and say what: a line a package, on a terminal and in a log alike.

Usage: ``python .ci/install.py`` and pip's arguments. All that pip says is shown where it fails.
"""

import re
import subprocess
import sys

# "Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.9 MB)", and the like
PACKAGE = re.compile(
    r" *(?:Downloading|Using cached|Processing) (?:.*/)?"
    r"(?P<name>\w+)-(?P<version>[^-]+)-.*\.whl(?: \((?P<size>[\d.]+ ?\w+)\))?"
    r"(?: \(from .*\))?\s*"
)


def main(arguments):
    """Run pip; its exit code is ours."""
    # Python compiles a module when it is first imported, and most of these never are.
    command = [sys.executable, "-m", "pip", "install", "--no-compile", *arguments]
    said = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout:
            said.append(line)
            if found := PACKAGE.fullmatch(line):
                size = f", {found['size']}" if found["size"] else ""
                print(f"    {found['name']} {found['version']}{size}", flush=True)
            elif line.startswith("Installing collected packages"):
                print("    unpacking", flush=True)
    if pip.returncode:
        sys.stderr.writelines(said)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
