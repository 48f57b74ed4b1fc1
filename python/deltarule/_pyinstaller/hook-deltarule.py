"""What PyInstaller cannot see: the core opens its kernels, and modules load others, at run time."""

from PyInstaller.utils.hooks import (
    collect_data_files,
    collect_dynamic_libs,
    collect_submodules,
)

# The public names, and the C functions of a header.
datas = collect_data_files("deltarule", includes=["__init__.pyi", "**/*.h"])
binaries = collect_dynamic_libs("deltarule", search_patterns=["libkernels_*"])
hiddenimports = collect_submodules(
    "deltarule", filter=lambda name: name != "deltarule._pyinstaller", on_error="ignore"
)
# Who converts from or to PyTorch imports it, and it is too large to come along with all the others.
excludedimports = ["torch"]
