"""How people keep data sets in public, beyond what the other tests have: each is read, or one line has the remedy."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from fer.data.places import role_of
from fer.data.sources import read_faces
from fer.errors import UserError


def zip_of(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return content.getvalue()


READ = {
    "CAER-S": ["train/Anger/0001.png", "train/Happy/0002.png", "test/Sad/0003.png"],
    "SFEW 2.0": ["Train/Train_Aligned_Faces/Angry/a.png", "Val/Val_Aligned_Faces/Happy/b.png"],
    "RAF-DB, train_set": ["rafdb/train_set/1/train_00001.jpg", "rafdb/val_set/4/test_00002.jpg"],
    "RAF-DB, train and valid": ["raf-db/train/1/train_00001_aligned.jpg", "raf-db/valid/2/test_0001_aligned.jpg"],
    "FER2013 by Usage": ["Training/anger/0.jpg", "PublicTest/fear/1.jpg", "PrivateTest/sad/2.jpg"],
    "CK+48": ["CK+48/anger/S010_004_00000017.png", "CK+48/contempt/S138_008_00000007.png"],
    "NHFIER": ["anger/image0000060.jpg", "contempt/image0000007.jpg", "happiness/image0000003.jpg"],
    "Oulu-CASIA": ["OriginalImg/VL/Strong/P001/Anger/000.jpeg", "OriginalImg/VL/Strong/P002/Surprise/000.jpeg"],
    "FERG": ["FERG_DB_256/aia/aia_anger/aia_anger_1.png", "FERG_DB_256/ray/ray_joy/ray_joy_2.png"],
    "names with the label": ["img001_anger.jpg", "img002_happiness.jpg", "img003_surprise.jpg"],
    "names that begin with it": ["faces/happy_12.png", "faces/sad_3.png", "faces/angry (4).png"],
    "kaggle, renamed": ["processed/train/anger/x.jpg", "processed/val/happy/y.jpg", "processed/test/sad/z.jpg"],
    "JAFFE in folders of persons": ["KA/KA.AN1.39.tiff", "KL/KL.HA1.158.tiff"],
    "classes before splits": ["happy/train/a.png", "sad/train/b.png", "sad/test/c.png"],
    "folders with counts": ["train/angry (3995)/a.png", "train/happy (7215)/b.png", "test/sad (1247)/c.png"],
    "folders of faces": ["train/angry_faces/a.png", "train/happy face images/b.png", "test/sad-images/c.png"],
    "splits with further words": ["FER 2013/Training Data/fear/a.png", "FER 2013/Testing Data/sad/b.png"],
    "splits with the name of the set": ["fer2013_train/fear/a.png", "fer2013_validation/sad/b.png"],
    "splits in order": ["1. Train/fear/a.png", "2. Test/sad/b.png"],
    "numbers and names": ["train/0_angry/a.png", "train/3_happy/b.png", "test/6_neutral/c.png"],
    "with checkpoints of notebooks": ["happy/a.png", "sad/b.png", "happy/.ipynb_checkpoints/a-checkpoint.png"],
}  # fmt: skip

REFUSED = {
    "AFEW frames": (["train_afew/Angry/000123/0001.jpg"], {}, r"no folder right around them.*data\.labels=FILE"),
    "AffectNet in numbered folders": (["train/0/a.jpg", "train/7/b.jpg"], {}, r"numbers; .*labels\.numbers="),
    "nested twice on Kaggle": (
        ["images/train/happy/a.jpg", "images/images/train/sad/b.jpg"],
        {},
        r"several data sets .*data\.root=\[PATH,…\]",
    ),
    "h5 of WuJie1010": (
        [],
        {"data.h5": b"\x89HDF"},
        r"data\.h5: a file of arrays .*data=own data\.reader=mymodule\.read",
    ),
    "fdataX.npy and flabels.npy": ([], {"fdataX.npy": b"x", "flabels.npy": b"x"}, r"fdataX\.npy: .*data=own"),
    "all_data.pkl": ([], {"fer2013/all_data.pkl": b"x"}, r"all_data\.pkl: .*data=own"),
    "TFRecords": ([], {"train.tfrecord": b"x"}, r"train\.tfrecord: .*data=own"),
    "fer2013.bin": ([], {"fer2013.bin": b"x"}, r"fer2013\.bin: .*data=own"),
    "EMOTIC": (["emodb_small/images/x.jpg"], {"Annotations.mat": b"x"}, r"Annotations\.mat: .*data=own"),
    "7z": ([], {"FER7/OD.txt.7z": b"x"}, r"OD\.txt\.7z: .*unpack it"),
    "rar": ([], {"archive.rar": b"x"}, r"archive\.rar: .*unpack it"),
    "AFEW videos": ([], {"Train/Angry/000123.avi": b"x"}, r"1 videos, such as Train/Angry/000123\.avi.*ffmpeg"),
    "COCO of Roboflow": (["train/x_jpg.rf.1a2b.jpg"], {"train/_annotations.coco.json": b"{}"}, r"data\.labels=FILE"),
    "legend.csv": (["images/a.jpg"], {"legend.csv": b"user.id,image,emotion\n1,a.jpg,happiness"}, r"data\.labels="),
    "a csv of valence": (["x/a.jpg"], {"va.csv": b"path,valence,arousal\na.jpg,0.1,0.2"}, r"data\.labels=FILE"),
    "an empty folder of a clone": ([], {"README.md": b"# data", ".gitkeep": b""}, r"to get FER2013"),
    "a zip in a zip": ([], {"archive.zip": zip_of("train.zip")}, r"archive\.zip:train\.zip: an archive inside"),
    "a tar in the zip": ([], {"a/archive.zip": zip_of("fer2013.tar.gz")}, r":fer2013\.tar\.gz: .*unpack the outer"),
    "arrays in a zip": ([], {"archive.zip": zip_of("X.npy")}, r"archive\.zip:X\.npy: .*data=own"),
    "arrays, compressed": ([], {"train.pkl.gz": b"x"}, r"train\.pkl\.gz: .*data=own"),
    "a table of Excel": ([], {"fer2013.xlsx": b"PK"}, r"fer2013\.xlsx: .*save it as csv"),
    "JPEG 2000": ([], {"train/happy/a.jp2": b"x"}, r"a\.jp2: .*save them as PNG"),
    "a column a class": (
        [],
        {"fer2013.csv": b"pixels,angry,happy\n1 2,0,1"},
        "put the name .* into one column, emotion",
    ),
    "Chinese": (
        ["生气/a.png", "高兴/b.png", "悲伤/c.png"],
        {},
        r"labels\.rename='\{悲伤: sad, 生气: angry, 高兴: happy\}'",
    ),
    "normal or not": (["NORMAL/a.png", "PNEUMONIA/b.png"], {}, "no labels"),
    "no header": ([], {"fer2013.csv": b"0,70 80 82 72,Training"}, "no header, the first line is a row; write emotion"),
    "a page of Kaggle": ([], {"fer2013.csv": b"\n<!DOCTYPE html><html>"}, "a web page in place of the csv"),
    "an empty csv": ([], {"fer2013.csv": b""}, r"fer2013\.csv: no line with the names of columns, the file is empty"),
    "Git LFS": ([], {"fer2013.csv.gz": b"version https://git-lfs.github.com/spec/v1\noid"}, "a Git LFS pointer"),
}


def save(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (48, 48), value).save(path)


@pytest.mark.parametrize("name", READ)
def test_it_is_read(name, tmp_path):
    """Every picture has the emotion that its path has, by name or by RAF-DB's number."""
    for number, path in enumerate(READ[name], start=1):
        save(tmp_path / path, 10 * number)
    faces, _ = read_faces("auto", str(tmp_path))
    visible = [path for path in READ[name] if "checkpoints" not in path]
    assert len(faces) == len(visible)
    found = [faces.classes[label] for label in faces.labels[np.argsort(faces.images[:, 0, 0])]]
    rafdb = {"1": "surprise", "2": "fear", "4": "happy"}
    for path, emotion in zip(visible, found, strict=True):
        words = {"angry": ("ang", "an1"), "happy": ("hap", "joy", "ha1"), "surprise": ("sur",)}.get(
            emotion, (emotion[:3],)
        )
        assert any(word in path.casefold() for word in words) or rafdb.get(path.split("/")[-2]) == emotion
    roles = [max(map(role_of, path.split("/")[:-1]), default=-1) for path in visible]
    held_out = [role for role in roles if role > 0]
    assert ((faces.folder > 0) | (faces.usage > 0)).sum() >= len(held_out)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_remedy(name, tmp_path):
    pictures, files, message = REFUSED[name]
    for path in pictures:
        save(tmp_path / path, 100)
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        read_faces("auto", str(tmp_path))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("legend.csv", "user.id,image,emotion\nx,{0},happiness\ny,{1},anger"),
        ("labels.csv", ",pth,label,relFCs\n0,{0},happy,0.8\n1,{1},anger,0.7"),
        ("train_labels.csv", "image,label\n{0},happy\n{1},angry"),
        ("_annotations.csv", "filename,class,xmin,ymin,xmax,ymax\n{0},Happy,0,0,48,48\n{1},Anger,0,0,48,48"),
        ("train.txt", "{0} happy\n{1} angry"),
        ("list.csv", "img_path;emotion_label;x\nC:\\data\\pictures\\{0};happy;1\nC:\\data\\pictures\\{1};angry;1"),
    ],
)  # fmt: skip
def test_lists_are_read_with_data_labels(name, content, tmp_path):
    for number, picture in enumerate(("a.jpg", "b.jpg"), start=1):
        save(tmp_path / "pictures" / picture, 10 * number)
    (tmp_path / name).write_text(content.format("a.jpg", "b.jpg"))
    columns = "{label: emotion_label}" if name == "list.csv" else None
    faces, _ = read_faces("auto", str(tmp_path / "pictures"), labels=str(tmp_path / name), columns=columns)
    order = np.argsort(faces.images[:, 0, 0])
    assert [faces.classes[label] for label in faces.labels[order]] == ["happy", "angry"]


def test_a_file_without_a_suffix_is_named(tmp_path):
    """As Windows shows a csv whose suffix it hides."""
    (tmp_path / "fer2013").write_text("emotion,pixels,Usage\n")
    with pytest.raises(UserError, match=r"fer2013: not a kind of file that is read \(\.csv.*rename it"):
        read_faces("auto", str(tmp_path / "fer2013"))


def test_a_list_in_json_is_refused_with_the_remedy(tmp_path):
    save(tmp_path / "p" / "a.jpg", 10)
    (tmp_path / "x.json").write_text(json.dumps([{"path": "a.jpg", "label": "happy"}]))
    with pytest.raises(UserError, match="no column that names the path"):
        read_faces("auto", str(tmp_path / "p"), labels=str(tmp_path / "x.json"))
