"""Finds the git commit of the code."""

import subprocess
from pathlib import Path


def commit() -> str | None:
    """Returns the git commit of the code, or None outside of a checkout.

    "-dirty" follows where files other than those of experiments/, which holds results, have uncommitted changes.
    """
    here = Path(__file__)
    try:
        run_git(here.parent, "ls-files", "--error-unmatch", here.name)  # fails where a repository holds an installation
        code = (":/", ":(top,exclude)experiments")
        changed = run_git(here.parent, "status", "--porcelain", "--untracked-files=no", "--", *code)
        return run_git(here.parent, "rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def run_git(folder: Path, *arguments: str) -> str:
    """Returns what a git command prints. Raises CalledProcessError where it fails, OSError where there is no git."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, encoding="utf-8")
    return done.stdout.strip()
