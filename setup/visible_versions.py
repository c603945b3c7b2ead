"""Prints `name==version` for every distribution this interpreter sees: the first one found of each name."""

import importlib.metadata
import re

# A version that pip cannot parse would make it reject the whole list.
READABLE_VERSION = re.compile(
    r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+([._-][a-z0-9]+)*)?"
)


def main() -> None:
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        name, version = distribution.metadata["Name"], distribution.version
        if not name or not version:
            continue
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen or not READABLE_VERSION.fullmatch(version):
            continue
        seen.add(key)
        print(f"{key}=={version}")


main()
