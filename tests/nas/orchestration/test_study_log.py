"""The log of a study holds what happens to it, and the program around it is left as it was."""

import logging

import pytest

from nas.orchestration.study_log import study_log
from search_spaces.errors import FilesError


@pytest.fixture
def around():
    """Return the messages that a handler of the program around us receives."""
    handler, records = logging.Handler(), list[str]()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    yield records
    logging.getLogger().removeHandler(handler)


def test_the_log_has_what_happens_and_others_see_no_more_than_before(tmp_path, around):
    ours = logging.getLogger("nas.orchestration.a_search")
    with study_log(tmp_path):
        ours.info("Trial 3 trains")
        ours.warning("The disk is slow")
        logging.getLogger("another").warning("not ours")
    ours.warning("afterwards")
    text = (tmp_path / "search.log").read_text(encoding="utf-8")
    assert "INFO nas.orchestration.a_search: Trial 3 trains" in text
    assert "The disk is slow" in text
    assert "not ours" not in text
    assert "afterwards" not in text
    assert around == ["The disk is slow", "not ours", "afterwards"]


def test_levels_and_handlers_are_put_back(tmp_path):
    loggers = [logging.getLogger(name) for name in ("nas", "trials", "search_spaces", "ray")]
    before = [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    with pytest.raises(KeyError), study_log(tmp_path):
        raise KeyError
    assert [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers] == before


def test_a_program_that_asked_for_more_still_gets_it(tmp_path, around):
    logger = logging.getLogger("nas")
    logger.setLevel(logging.DEBUG)
    try:
        with study_log(tmp_path):
            logger.debug("detail")
    finally:
        logger.setLevel(logging.NOTSET)
    assert around == ["detail"]
    assert "detail" in (tmp_path / "search.log").read_text(encoding="utf-8")


def test_a_log_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    (tmp_path / "search.log").mkdir()
    with pytest.raises(FilesError, match=r"Cannot write '.*search.log': Is a directory"), study_log(tmp_path):
        pass
