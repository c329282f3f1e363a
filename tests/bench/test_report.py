"""The report names the commit that was measured, and what was changed since."""

import subprocess
from pathlib import Path

from tests.bench.report import BEGIN, Report, commit

WHO = ("-c", "user.name=ana", "-c", "user.email=ana@corner.example")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *WHO, *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


class TestCommit:
    def test_is_nothing_where_git_knows_of_none(self, tmp_path: Path) -> None:
        assert commit(tmp_path) == ""
        git(tmp_path, "init")
        assert commit(tmp_path) == ""

    def test_is_the_one_that_is_checked_out_with_a_mark_if_it_was_changed(self, tmp_path: Path) -> None:
        git(tmp_path, "init")
        (tmp_path / "page").write_text("one", encoding="utf-8")
        git(tmp_path, "add", "page")
        git(tmp_path, "commit", "-m", "one")
        short = git(tmp_path, "rev-parse", "--short", "HEAD")
        assert commit(tmp_path) == short != ""
        (tmp_path / "page").write_text("two", encoding="utf-8")
        assert commit(tmp_path) == f"{short}+"

    def test_stands_with_the_figures(self) -> None:
        assert " UTC at abc1234+, " in Report(commit="abc1234+").page_section()
        assert " UTC, " in Report(commit="").page_section().removeprefix(BEGIN)
