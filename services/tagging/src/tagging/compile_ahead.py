"""Compiles the kernels of tagging and ends: a part of setting up. NUMBA_CACHE_DIR says where they are kept."""


def main() -> None:
    """Takes half a minute or so; a second or two when they are there."""
    from servicekit.kernels.threads import Threads

    from tagging.kernels.compiling import compile_ahead

    threads = Threads()
    try:
        compile_ahead(threads)
    finally:
        threads.close()


if __name__ == "__main__":
    main()
