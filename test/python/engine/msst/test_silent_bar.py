"""The bar that stands where MSST has tqdm."""

from __future__ import annotations

import pytest

from python_worker.engine.msst.silent_bar import bar_class


class TestABar:
    """What stands where MSST has tqdm."""

    def test_counts_as_tqdm_does_and_tells_its_first_step(self) -> None:
        told: list[tuple[int, int]] = []
        bar = bar_class(lambda *step: told.append(step))(None, "words", 100, True, dynamic_ncols=True)
        assert (bar.desc, bar.n, bar.total) == ("words", 0, 100)
        bar.reset(total=50)
        bar.update(20)
        bar.update(20)
        assert (bar.n, told) == (40, [(50, 20)])
        bar.set_description("others")
        bar.set_postfix({"track": 1})
        assert (bar.desc, bar.postfix) == ("others: ", "track=1")
        bar.close()

    def test_goes_over_what_it_is_given_and_draws_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        tqdm = bar_class(lambda *step: None)
        with tqdm(range(3), disable=None, display=False, leave=True) as bar:
            assert list(bar) == [0, 1, 2]
        assert capfd.readouterr() == ("", "")
        tqdm.write("said aloud")
        assert capfd.readouterr().out == "said aloud\n"
