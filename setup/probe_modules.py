"""Imports each module named on the command line; prints one JSON line for each, as soon as it is known."""

import importlib
import json
import os
import sys


def main() -> None:
    # Libraries print while they are imported: fd 1 carries our lines alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in sys.argv[1:]:
        error = None
        try:
            importlib.import_module(name)
        except BaseException as problem:  # a broken package may raise anything, SystemExit too
            error = f"{type(problem).__name__}: {problem}"
        print(json.dumps({"module": name, "error": error}), file=answers, flush=True)


main()
