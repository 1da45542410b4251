import numpy as np
import pytest

from fer.data.emotions import EMOTIONS
from fer.exploration import votes


def test_agreement_with_ferplus_is_that_of_the_rows(csv, made, section, write_votes):
    answers = [EMOTIONS[label] for label in made.labels]
    answers[0], answers[1], answers[2], answers[3] = "contempt", "NF", "angry", "unknown"
    write_votes(csv.with_name("fer2013new.csv"), made, answers)
    report = section(votes.add_agreement, f"data.root={csv}")
    assert f"on {100 * 56 / 60:.1f} % of the images (80.0 % of train, 100.0 % of val and" in report.markdown
    assert "On 2 images no emotion leads" in report.markdown
    rows = report.tables["ferplus"].set_index("class")
    assert rows.loc["angry", ["images", "agree %", "angry", "contempt"]].tolist() == [6, 83.3, 5, 1]
    assert rows.loc[["disgust", "happy"], "none"].tolist() == [1, 1]
    assert rows.loc["fear", "angry"] == 1


def test_merged_emotions_agree_as_one(csv, made, section, write_votes):
    answers = np.array([EMOTIONS[label] for label in made.labels])
    answers[answers == "disgust"] = "angry"
    write_votes(csv.with_name("fer2013new.csv"), made, answers)
    options = [f"data.root={csv}", "labels.merge={disgust: angry}", "labels.classes=[angry,happy]"]
    assert "on 100.0 % of the images" in section(votes.add_agreement, *options).markdown


@pytest.mark.parametrize("damage", ["Usage", "rows"])
def test_votes_that_do_not_fit_are_not_used(damage, csv, made, section, write_votes):
    path = csv.with_name("fer2013new.csv")
    write_votes(path, made, ["happy"] * 60)
    text = path.read_text()
    path.write_text(text.replace("PublicTest", "Training") if damage == "Usage" else "nonsense\n1\n")
    assert "Not used: " in section(votes.add_agreement, f"data.root={csv}").markdown


@pytest.mark.parametrize("place", [None, "elsewhere", "labels"])
def test_without_votes_to_compare_there_is_a_sentence(place, csv, made, tmp_path, section, write_votes):
    options = [f"data.root={csv}"]
    if place:
        path = (tmp_path if place == "elsewhere" else csv.parent) / "fer2013new.csv"
        write_votes(path, made, [EMOTIONS[label] for label in made.labels])
    if place == "labels":
        options.append("labels=ferplus7")
    expected = "The labels are FER+'s own." if place == "labels" else "No FER+ votes beside the data."
    assert section(votes.add_agreement, *options).blocks[1:] == ["## Agreement with FER+", expected]
