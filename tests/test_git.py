from fer import git


def test_an_installation_inside_another_repository_has_no_commit(monkeypatch, tmp_path):
    git.run_git(tmp_path, "init", "-q")
    (tmp_path / "git.py").touch()
    monkeypatch.setattr(git, "__file__", str(tmp_path / "git.py"))
    assert git.commit() is None


def test_a_commit_is_dirty_by_changed_code_and_not_by_new_results(monkeypatch, tmp_path):
    for name in ("fer/git.py", "experiments/speed/README.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("before")
    git.run_git(tmp_path, "init", "-q")
    git.run_git(tmp_path, "add", ".")
    git.run_git(tmp_path, "-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x")
    monkeypatch.setattr(git, "__file__", str(tmp_path / "fer/git.py"))
    assert len(git.commit()) == 12
    path.write_text("after")
    assert len(git.commit()) == 12
    (tmp_path / "fer/git.py").write_text("after")
    assert git.commit().endswith("-dirty")
