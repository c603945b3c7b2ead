"""Names of a module are replaced for a while."""

from __future__ import annotations

from types import ModuleType

import pytest

from python_worker.engine.msst.names import ModuleProxy, replaced_names


def test_a_proxy_is_the_module_but_for_a_few_names() -> None:
    module = ModuleType("original")
    module.__dict__.update(kept=1, changed=2)
    proxy = ModuleProxy(module, changed=3)
    assert (proxy.__name__, proxy.kept, proxy.changed) == ("original", 1, 3)
    module.__dict__["kept"] = 4
    assert proxy.kept == 4
    with pytest.raises(AttributeError):
        _ = proxy.missing


def test_replaced_names_mean_what_they_did_after_the_block_whatever_happens_in_it() -> None:
    namespace = {"a": 1, "b": 2}
    with pytest.raises(KeyError, match="within"):
        with replaced_names([(namespace, "a", 10), (namespace, "a", 11), (namespace, "b", 20)]):
            assert namespace == {"a": 11, "b": 20}
            raise KeyError("within")
    assert namespace == {"a": 1, "b": 2}


def test_a_name_that_is_not_there_leaves_those_before_it_as_they_were() -> None:
    namespace = {"a": 1}
    with pytest.raises(KeyError), replaced_names([(namespace, "a", 10), (namespace, "c", 30)]):
        raise AssertionError("the block is not entered")
    assert namespace == {"a": 1}
