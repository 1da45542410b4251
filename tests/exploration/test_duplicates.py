import pytest

from fer.exploration import duplicates


def test_copies_across_splits_are_counted_and_shown(csv, section):
    report = section(duplicates.add_duplicates, f"data.root={csv}", "near=false")
    assert "Identical to a training image: 1 of 20 test images." in report.markdown
    assert "`near=false`" in report.markdown
    groups = report.tables["duplicates"][["id", "label"]].to_numpy().tolist()
    assert groups == [["Training_5", "surprise"], ["PrivateTest_45", "surprise"]]
    assert "duplicates" in report.figures


@pytest.mark.full
def test_near_copies_are_looked_for_when_asked(csv, made, write_csv, section):
    made.images[46] = made.images[6][:, ::-1]
    write_csv(csv, made)
    text = section(duplicates.add_duplicates, f"data.root={csv}").markdown
    assert "Identical to a training image: 1 of 20 test images; near copies of one: 1 more." in text
    assert "`near=false`" not in text
