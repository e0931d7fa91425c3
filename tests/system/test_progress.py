"""Progress bars in terminals and log files."""

from colorlib.system.progress import progress_bar


def test_a_progress_bar_writes_nothing_into_a_file_or_pipe(capfd):
    assert list(progress_bar(range(3), "reading")) == [0, 1, 2]
    assert capfd.readouterr() == ("", "")
    list(progress_bar(range(3), "reading", disable=False))
    assert "reading: 100%" in capfd.readouterr().err
