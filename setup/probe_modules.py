"""Imports each module named on the command line and prints a line of JSON for each as soon as it is done."""

import importlib
import json
import os
import sys


def main() -> None:
    # Libraries may print while they are imported: send that to stderr, so that stdout has only our lines.
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
