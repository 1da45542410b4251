from pathlib import Path

import numpy as np
import pytest

from fer.data.emotions import EMOTIONS
from fer.errors import UserError
from fer.exploration import suspicious_labels


@pytest.fixture
def opinions(made, tmp_path) -> Path:
    """Opinions on all training images but the last: sure of the label, except of "surprise" for Training_0."""
    lines = [f"split,id,true,predicted,{','.join(EMOTIONS)}"]
    for row, label in enumerate(made.labels[:19]):
        likely = EMOTIONS.index("surprise") if row == 0 else label
        probabilities = np.full(7, 0.01)
        probabilities[likely] = 0.94
        name = EMOTIONS[label]
        lines.append(f"train,Training_{row},{name},{name},{','.join(map(str, probabilities))}")
    (tmp_path / "opinions.csv").write_text("\n".join(lines))
    return tmp_path / "opinions.csv"


def test_suspicious_labels_are_listed_with_their_precision(csv, made, opinions, tmp_path, section, write_votes):
    answers = [EMOTIONS[label] for label in made.labels]
    answers[0] = "surprise"
    write_votes(tmp_path / "votes.csv", made, answers)
    options = [f"data.root={csv}", f"suspicious={opinions}", f"labels.votes_file={tmp_path / 'votes.csv'}"]
    report = section(suspicious_labels.add_suspicious_labels, *options)
    listed = report.tables["suspicious"]
    assert listed.to_dict("records") == [
        {"id": "Training_0", "label": EMOTIONS[made.labels[0]], "opinion": "surprise", "margin": -0.93}
    ]
    assert "Of 19 training images with an opinion, 1 (5.3 %)" in report.markdown
    assert "1 training images have no opinion" in report.markdown
    precision = report.tables["suspicious_precision"]
    assert precision.to_dict("records") == [
        {"first": 1, "with a leading vote": 1, "precision %": 100.0, "opinion leads %": 100.0}
    ]


def test_suspicious_labels_without_votes(csv, opinions, section):
    report = section(suspicious_labels.add_suspicious_labels, f"data.root={csv}", f"suspicious={opinions}")
    assert "suspicious" in report.tables
    assert "suspicious_precision" not in report.tables
    assert "No FER+ votes beside the data." in report.markdown


def test_without_opinions_there_is_no_section(csv, section):
    assert section(suspicious_labels.add_suspicious_labels, f"data.root={csv}").blocks == ["# a part"]


def test_opinions_on_other_images_are_an_error(csv, opinions, section):
    opinions.write_text(opinions.read_text().replace("Training_", "Other_"))
    with pytest.raises(UserError, match="none of its 19 ids is a training image"):
        section(suspicious_labels.add_suspicious_labels, f"data.root={csv}", f"suspicious={opinions}")
