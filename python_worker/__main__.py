"""Entry point. `python -m python_worker`: serve requests on stdio.

`python -m python_worker check --msst-root DIR`: report whether this interpreter can run the engine.
`python -m python_worker gpus`: report the GPUs that its torch sees.
`python -m python_worker needs --msst-root DIR --loader FILE FUNCTION`: report the architectures that MSST
builds, and the Python modules missing for each.
"""

# Only these two, which every interpreter has already loaded: stdio is redirected before anything can print.
import os
import sys


def main() -> None:
    """Reserve stdio for the channel and run the command that the arguments name.

    Without arguments, serve requests; the process then dies with its parent.
    """
    source_fd, sink_fd = take_stdio_aside()
    forget_working_directory()
    prefer_safe_loading()
    if sys.argv[1:] == ["gpus"]:
        from .gpus import run_gpus

        sys.exit(run_gpus(sink_fd))
    if sys.argv[1:2] == ["needs"]:
        from .checkout.needs import run_needs

        sys.exit(run_needs(sys.argv[1:], sink_fd))
    if sys.argv[1:]:
        from .check import run_check

        sys.exit(run_check(sys.argv[1:], sink_fd))

    import faulthandler
    import signal

    from .child import serve
    from .process.parent_guard import die_with_parent

    die_with_parent()
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # Never closed: closing it would block until the reader thread returns.
    serve(open(source_fd, "rb"), sink_fd)
    sys.stderr.flush()
    # Not sys.exit: threads started by a model's libraries must not keep a finished child alive.
    os._exit(0)


def take_stdio_aside() -> tuple[int, int]:
    """Reserve stdin and stdout for the channel.

    Whatever a library or a model prints from now on goes to stderr. This is done on file descriptors, so that
    it covers output of C code too; child processes read an empty stdin. The returned descriptors are not
    inheritable.

    Returns:
        The channel's descriptors: the one to read from, the one to write to.
    """
    source_fd, sink_fd = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    # New objects: the old ones were set up for what descriptor 1 was before, perhaps a file. Line-buffered,
    # so that output arrives as it is printed.
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    return source_fd, sink_fd


def forget_working_directory() -> None:
    """Remove this project from sys.path, where `-m` puts it first: it could shadow MSST's modules."""
    project = os.path.realpath(os.path.dirname(os.path.dirname(__file__)))
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != project]


def prefer_safe_loading() -> None:
    """Force torch.load into weights-only mode, so that a checkpoint runs no code whatever MSST passes."""
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)


if __name__ == "__main__":
    main()
