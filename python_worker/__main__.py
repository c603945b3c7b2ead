"""`python -m python_worker`: serve on stdio.

`python -m python_worker check --msst-root DIR`: say whether this interpreter can be the engine.
`python -m python_worker gpus`: say which GPUs its torch sees.
`python -m python_worker needs --msst-root DIR --loader FILE FUNCTION`: say what it builds, and which modules
that lacks.
"""

# Nothing but these two, which every interpreter has loaded already: fds are moved before anything can print.
import os
import sys


def main() -> None:
    """Take stdio aside, tie this process to its parent, and do what the arguments say."""
    source_fd, sink_fd = take_stdio_aside()
    forget_working_directory()
    prefer_safe_loading()
    if sys.argv[1:] == ["gpus"]:
        from .gpus import run_gpus

        sys.exit(run_gpus(sink_fd))
    if sys.argv[1:2] == ["needs"]:
        from .needs import run_needs

        sys.exit(run_needs(sys.argv[1:], sink_fd))
    if sys.argv[1:]:
        from .check import run_check

        sys.exit(run_check(sys.argv[1:], sink_fd))

    import faulthandler
    import signal

    from .child import serve
    from .parent_guard import die_with_parent

    die_with_parent()
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # Never closed: that would wait for the thread that reads it.
    serve(open(source_fd, "rb"), sink_fd)
    sys.stderr.flush()
    # Not sys.exit: threads of a model's library must not keep a finished child alive.
    os._exit(0)


def take_stdio_aside() -> tuple[int, int]:
    """Keep stdin and stdout for the channel alone.

    What a library or a model prints from now on goes to stderr, at the level of file descriptors, so that
    prints of C code do too; a grandchild reads an empty stdin. The two descriptors are not inherited.

    Returns:
        The channel's descriptors: to read from, to write to.
    """
    source_fd, sink_fd = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    # New objects, for the old one remembers what descriptor 1 was, a file perhaps. By lines: what the model
    # says shall arrive when it says it.
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    return source_fd, sink_fd


def forget_working_directory() -> None:
    """Take this project off the path, where `-m` puts it first: it could shadow modules of an MSST."""
    project = os.path.realpath(os.path.dirname(os.path.dirname(__file__)))
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != project]


def prefer_safe_loading() -> None:
    """Have torch.load run nothing that is pickled in a checkpoint, whatever MSST asks it for."""
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)


if __name__ == "__main__":
    main()
