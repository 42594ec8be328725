"""Parquet as people write it: which columns are read is clear, said or asked; no class is invented."""

import io
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from search_spaces.errors import DataError
from tests.trials.accounting import accounted
from trials.images.splits import Splits

FIVE = {"_type": "ClassLabel", "names": ["ant", "bee", "cat", "dog", "eel"]}
IMAGE_NAMES = ("image", "img", "mask", "photo", "md5", "Image", "thumbnail", "content", "jpg")
LABEL_NAMES = (
    "label",
    "labels",
    "quality",
    "class",
    "Label",
    "fine_label",
    "coarse_label",
    "cls",
    "kind",
    "target",
)


def png(rng):
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def images(count=40, seed=0):
    rng = np.random.default_rng(seed)
    return [{"bytes": png(rng), "path": None} for _ in range(count)]


def write(file, columns, features=None):
    """Write a Parquet file and return the folder it is in."""
    table = pa.table(columns)
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if features is not None else None
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), file)
    return file.parent


def alternating(one, other, count=40):
    return [(one, other)[index % 2] for index in range(count)]


def image_column(rng, count):
    kind = rng.integers(6)
    pictures = images(count, int(rng.integers(10**6)))
    if kind == 0:
        return pa.array([picture["bytes"] for picture in pictures])
    if kind == 1:
        return pa.array([picture["bytes"] for picture in pictures], pa.large_binary())
    if kind == 2:
        return pa.array([bytes(16)] * count)
    if kind == 3:
        return pa.array(["a.png"] * count)
    return pa.array(pictures)


def label_column(rng, count):
    draw = rng.integers(0, 3, count)
    kinds = [
        lambda: pa.array(draw, pa.int8()),
        lambda: pa.array(draw + 1),
        lambda: pa.array(draw * 10**12),
        lambda: pa.array([["cat", "dog", ""][d] for d in draw]),
        lambda: pa.array([["cat", "dog", None][d] for d in draw]),
        lambda: pa.array([["cat", "dog", "eel"][d] for d in draw]).dictionary_encode(),
        lambda: pa.array([[0, 1, None][d] for d in draw]),
        lambda: pa.array([[0.0, 1.0, float("nan")][d] for d in draw]),
        lambda: pa.array(draw * 0.3),
        lambda: pa.array(draw == 1),
        lambda: pa.array(draw - 1),
        lambda: pa.array([[int(d)] for d in draw]),
        lambda: pa.array([{"a": int(d)} for d in draw]),
        lambda: pa.array(draw, pa.uint64()),
        lambda: pa.nulls(count),
        lambda: pa.array(draw.astype(np.int32)).cast(pa.date32()),
        lambda: pa.array([b"cat"] * count),
        lambda: pa.array(["\u00e9t\u00e9" if d else "e\u0301te\u0301" for d in draw]),
    ]
    return kinds[rng.integers(len(kinds))]()


def random_features(rng, names):
    odd = [
        [],
        7,
        "x",
        {"_type": "Image"},
        {"_type": "Value", "dtype": "int64"},
        [FIVE],
        {"feature": FIVE},
        None,
    ]
    odd += [{"_type": "ClassLabel"}, {"_type": "ClassLabel", "names": {"0": "ant", "1": "bee", "2": "cat"}}]
    choices = [*odd, FIVE, FIVE, FIVE]
    return {name: choices[rng.integers(len(choices))] for name in names if rng.random() < 0.4}


def check_schemas(tmp_path, seeds):
    read = 0
    for seed in seeds:
        rng = np.random.default_rng([19, seed])
        root, made, present = tmp_path / "images", 0, None
        names = [*rng.choice(IMAGE_NAMES, rng.integers(1, 4), replace=False)]
        names += [*rng.choice(LABEL_NAMES, rng.integers(1, 4), replace=False)]
        rng.shuffle(names)
        for part in (["train"], ["train", "test"], ["train-0", "train-1", "val"])[rng.integers(3)]:
            count = int(rng.integers(10, 30))
            kept = [name for name in names if rng.random() < 0.95]
            columns = {n: (image_column if n in IMAGE_NAMES else label_column)(rng, count) for n in kept}
            present = kept if present is None else present
            if not columns:
                continue
            features = random_features(rng, names) if rng.random() < 0.6 else None
            write(root / f"{part}.parquet", columns, features)
            made += count
        if made:
            found = accounted(root, made)
            read += isinstance(found, Splits)
            if isinstance(found, Splits):
                check_honest(found, present)
            shutil.rmtree(root)
    return read


def check_honest(splits, names):
    """Check that no missing label became a class, and that a choice among columns of usual names was said."""
    assert not {"None", "nan", "", "-1"} & set(splits.classes)
    usual = [name for name in names if name in {"label", "labels", "class", "fine_label", "cls", "target"}]
    said = any("labels from the column" in note for note in splits.notes)
    assert said or len(usual) < 2


@pytest.mark.slow
def test_no_image_of_any_schema_is_lost_in_silence(tmp_path):
    check_schemas(tmp_path, range(25))


@pytest.mark.long
def test_no_image_of_1500_schemas_is_lost_in_silence(tmp_path):
    read = check_schemas(tmp_path, range(1_500))
    # the others were refused in one line
    assert read > 75


@pytest.mark.parametrize(
    ("two", "features", "classes"),
    [
        ((1, 2), None, ("1", "2")),
        ((10, 20), None, ("10", "20")),
        ((48_662, 51_702), None, ("48662", "51702")),
        ((0, 2**40), None, ("0", "1099511627776")),
        ((0, 3), {"label": FIVE}, ("ant", "dog")),
        ((True, False), None, ("False", "True")),
        ((0.0, 1.0), None, ("0", "1")),
    ],
)
def test_classes_are_those_that_have_images(tmp_path, two, features, classes):
    write(tmp_path / "train.parquet", {"image": images(), "label": alternating(*two)}, features)
    assert accounted(tmp_path, 40).classes == classes


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_a_missing_label_is_no_class(tmp_path, missing):
    labels = [missing if index < 4 else ("cat", "dog")[index % 2] for index in range(40)]
    write(tmp_path / "train.parquet", {"image": images(), "label": labels})
    splits = accounted(tmp_path, 40)
    assert splits.classes == ("cat", "dog")
    assert splits.notes == ("Left out 4 images of the 40 in 'train', which have no label.",)


@pytest.mark.parametrize(
    ("columns", "taken", "other"),
    [
        ({"mask": [{"bytes": b"", "path": None}] * 40, "image": images()}, "image", "mask"),
        ({"md5": [bytes(16)] * 40, "img": [i["bytes"] for i in images()]}, "img", "md5"),
        ({"img": images(), "image": [{"bytes": b"", "path": None}] * 40}, "image", "img"),
    ],
)
def test_the_image_column_of_the_usual_name_is_taken_and_the_choice_said(tmp_path, columns, taken, other):
    write(tmp_path / "train.parquet", {**columns, "label": alternating(0, 1)})
    if taken == "image" and other == "img":
        assert "Cannot read 40 of 40" in str(accounted(tmp_path, 40))
        return
    assert (
        accounted(tmp_path, 40)
        .notes[0]
        .startswith(f"Took the images from the column '{taken}', not from '{other}'")
    )


def test_a_label_column_of_the_usual_name_is_taken_before_one_of_the_right_type(tmp_path):
    grade = {"_type": "ClassLabel", "names": ["blurred", "sharp"]}
    columns = {
        "image": images(),
        "label": alternating("cat", "dog"),
        "quality": [int(n > 9) for n in range(40)],
    }
    write(tmp_path / "train.parquet", columns, {"quality": grade})
    splits = accounted(tmp_path, 40)
    assert splits.classes == ("cat", "dog")
    assert "Took the labels from the column 'label', not from 'quality'" in splits.notes[0]
    assert accounted(f"{tmp_path}?label=quality", 40).classes == ("blurred", "sharp")


def test_columns_without_usual_names_are_asked_for(tmp_path):
    one, other = images(), images(seed=1)
    file = tmp_path / "train.parquet"
    write(file, {"left": one, "right eye&": other, "kind": alternating("a", "b")})
    assert "Several columns" in str(accounted(tmp_path, 40))
    assert "PATH?image=left" in str(accounted(tmp_path, 40))
    assert "PATH?label=COLUMN" in str(accounted(f"{tmp_path}?image=left", 40))
    left = accounted(f"{file}?image=left&label=kind", 40)
    right = accounted(f"{file}?label=kind&image=right%20eye%26", 40)
    assert left.classes == right.classes == ("a", "b")
    assert left.fingerprint != right.fingerprint


@pytest.mark.parametrize(
    "query",
    ["?image", "?image=", "?label=kind&label=kind", "?colour=x", "?image=absent", "?label=absent", "?"],
)
def test_a_choice_that_cannot_be_made_is_an_error(tmp_path, query):
    write(tmp_path / "train.parquet", {"image": images(), "label": alternating(0, 1)})
    assert isinstance(accounted(f"{tmp_path}{query}", 40), DataError)


def test_paths_of_images_are_read_from_a_chosen_column(tmp_path):
    for index, image in enumerate(images()):
        (tmp_path / f"{index}.png").write_bytes(image["bytes"])
    names = [f"{index}.png" for index in range(40)]
    write(tmp_path / "train.parquet", {"file_name": names, "label": alternating(0, 1)})
    assert "choose the column" in str(accounted(tmp_path, 40))
    assert len(accounted(f"{tmp_path}?image=file_name", 40).test) == 8


def test_a_test_part_without_labels_is_left_out_and_one_with_other_columns_is_an_error(tmp_path):
    write(tmp_path / "train.parquet", {"image": images(), "label": alternating(0, 1)})
    test = tmp_path / "test.parquet"
    write(test, {"image": images(seed=1)})
    assert accounted(tmp_path, 80).notes == ("Left out 40 images in 'test', which have no column 'label'.",)
    write(test, {"image": images(seed=1), "labels": alternating(0, 1)})
    assert f"'{test}' has the columns image, labels: expected 'label'" in str(accounted(tmp_path, 80))
    write(test, {"img": images(seed=1), "label": alternating(0, 1)})
    assert f"'{test}' has the columns img, label: expected 'image'" in str(accounted(tmp_path, 80))


def test_classes_are_compared_by_name_where_parts_number_them_differently(tmp_path):
    names = [{"_type": "ClassLabel", "names": names} for names in (["ant", "bee"], ["bee", "ant"])]
    write(tmp_path / "train.parquet", {"image": images(), "label": [0] * 30 + [1] * 10}, {"label": names[0]})
    write(
        tmp_path / "test.parquet",
        {"image": images(seed=1), "label": [0] * 30 + [1] * 10},
        {"label": names[1]},
    )
    splits = accounted(tmp_path, 80)
    assert np.bincount(splits.test.labels).tolist() == [10, 30]


@pytest.mark.parametrize(
    "names",
    [
        ("data/train-00000-of-00001", "data/test-00000-of-00001"),
        ("train", "dev"),
        ("train", "eval"),
        ("plain_text/train-00000-of-00001", "plain_text/test-00000-of-00001"),
        ("default/train/0000", "default/test/0000"),
        ("train/0000", "test/0000"),
        ("pets-train", "pets-test"),
        ("0000", "0001"),
    ],
)
def test_layouts_of_the_hub_are_read(tmp_path, names):
    for number, name in enumerate(names):
        write(tmp_path / f"{name}.parquet", {"image": images(seed=number), "label": alternating(0, 1)})
    assert not isinstance(accounted(tmp_path, 80), DataError)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train", "unlabelled"), "'unlabelled.parquet' in .* belongs to no split"),
        (("test", "val"), "No training file"),
        (("cats/train-0", "dogs/train-0"), "several data sets, in 'cats', 'dogs'"),
        (("train/test-0", "train/train-0"), "is of test by its name and of train by its folder"),
    ],
)
def test_layouts_that_can_be_read_in_two_ways_are_refused(tmp_path, names, message):
    for number, name in enumerate(names):
        write(tmp_path / f"{name}.parquet", {"image": images(seed=number), "label": alternating(0, 1)})
    with pytest.raises(DataError, match=message):
        raise accounted(tmp_path, 80)


def test_a_suffix_in_capitals_is_one(tmp_path):
    write(tmp_path / "TRAIN.PARQUET", {"image": images(), "label": alternating(0, 1)})
    assert not isinstance(accounted(tmp_path, 40), DataError)


def test_pictures_beside_parquet_do_not_hide_it(tmp_path):
    write(tmp_path / "data" / "train.parquet", {"image": images(), "label": alternating(0, 1)})
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "preview.png").write_bytes(images(1)[0]["bytes"])
    notes = accounted(tmp_path, 41).notes
    assert notes == (f"Left out 1 image in folders, because '{tmp_path}' is read as parquet.",)


def test_columns_of_class_folders_cannot_be_chosen(tmp_path):
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(images(1)[0]["bytes"])
    with pytest.raises(DataError, match="which have columns"):
        raise accounted(f"{tmp_path}?label=kind", 2)
