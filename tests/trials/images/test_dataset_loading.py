import hashlib
import json
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from search_spaces.errors import DataError, UnknownNameError
from tests.trials.formats import CLASSES, idx, image_folder, pictures, png
from trials.datasets import open_images
from trials.images.file_signature import signature


def opened(path):
    return open_images(str(path), seed=0, cache=None)


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "own_images.py").write_text(
        "from tests.trials.formats import pictures\n"
        "def pair(): return pictures(10)\n"
        "def parts(): return {'train': pictures(10), 'test': pictures(5)}\n"
        "def number(): return 7\n"
        "thing = 7\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("own_module")
def test_a_function_of_somebody_else_gives_images(tmp_path):
    splits = open_images("own_images:pair", seed=0, cache=tmp_path / "cache")
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [18, 6, 6]
    assert len(open_images("own_images:parts", seed=0, cache=None).test) == 15


@pytest.mark.usefixtures("own_module")
@pytest.mark.parametrize("name", ["number", "thing"])
def test_a_function_that_gives_something_else_is_told_what_to_give(name):
    with pytest.raises(DataError, match=r"expected \(images, labels\)"):
        open_images(f"own_images:{name}", seed=0, cache=None)


def test_a_module_that_is_absent_is_named():
    with pytest.raises(UnknownNameError, match="absent_module"):
        open_images("absent_module:images", seed=0, cache=None)


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(DataError, match=r"No images at .*absent.*digits"):
        opened(tmp_path / "absent")


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="is empty"):
        opened(tmp_path)


def test_an_unknown_format_lists_the_known_ones(tmp_path):
    (tmp_path / "notes.txt").write_text("no images")
    with pytest.raises(DataError, match=r"Cannot recognise the format.*parquet"):
        opened(tmp_path)


def test_one_class_is_too_few(tmp_path):
    image_folder(tmp_path)
    for name in CLASSES[1:]:
        for part in ("train", "test"):
            for file in (tmp_path / part / name).iterdir():
                file.unlink()
            (tmp_path / part / name).rmdir()
    with pytest.raises(DataError, match="one class folder, 'ant'"):
        opened(tmp_path)


def test_an_empty_class_folder_is_named(tmp_path):
    image_folder(tmp_path)
    (tmp_path / "train" / "dog").mkdir()
    with pytest.raises(DataError, match="dog' has no image"):
        opened(tmp_path)


def test_a_class_that_is_only_tested_is_named(tmp_path):
    image_folder(tmp_path)
    (tmp_path / "test" / "ant").rename(tmp_path / "test" / "dog")
    with pytest.raises(DataError, match="dog' is not among the training classes"):
        opened(tmp_path)


def test_one_image_is_too_few(tmp_path):
    for name, count in (("ant", 5), ("bee", 1)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / f"{number}.png").write_bytes(png(pictures(1)[0][0]))
    with pytest.raises(DataError, match="Class 'bee' has 1 image"):
        opened(tmp_path)


def test_class_folders_without_parts_are_divided(tmp_path):
    image_folder(tmp_path / "all")
    splits = opened(tmp_path / "all" / "train")
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [18, 6, 6]


def test_labels_below_minus_one_are_errors(tmp_path):
    np.savez(tmp_path / "a.npz", images=pictures(10)[0], labels=np.array([0, 1, -5] * 10))
    with pytest.raises(DataError, match="out of range, the first -5"):
        opened(tmp_path / "a.npz")


def test_labels_from_one_start_at_zero(tmp_path):
    pixels, labels = pictures(10)
    np.savez(tmp_path / "a.npz", images=pixels, labels=labels + 1)
    splits = opened(tmp_path / "a.npz")
    assert splits.classes == ("1", "2", "3")
    assert splits.train.labels.min() == 0


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.zeros((30, 64), np.uint8), "have shape"),
        (np.full((30, 8, 8), -3.5), "floats from 0"),
        (np.zeros((30, 8, 8), np.uint8), "of one colour"),
        (np.zeros((29, 8, 8), np.uint8), "29 images and 30 labels"),
    ],
)
def test_arrays_that_are_no_images_are_errors(tmp_path, images, expected):
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(30) % 3)
    with pytest.raises(DataError, match=expected):
        opened(tmp_path / "a.npz")


def test_arrays_of_other_names_are_listed(tmp_path):
    np.savez(tmp_path / "a.npz", pictures=np.zeros(3))
    with pytest.raises(DataError, match=r"\(pictures\): expected"):
        opened(tmp_path / "a.npz")


@pytest.mark.parametrize("scale", [np.float32(1 / 255), np.uint16(257)])
def test_other_number_types_give_the_same_pixels(tmp_path, scale):
    pixels, labels = pictures(10)
    pixels.flat[:2] = 0, 255
    np.savez(tmp_path / "a.npz", x=pixels, y=labels)
    np.savez(tmp_path / "b.npz", x=(pixels * scale).transpose(0, 3, 1, 2), y=labels[:, None])
    assert opened(tmp_path / "a.npz").fingerprint == opened(tmp_path / "b.npz").fingerprint


def test_columns_of_other_names_are_listed(tmp_path):
    pq.write_table(pa.table({"image": [b"x"], "kind": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"No label column.*image, kind"):
        opened(tmp_path / "a.parquet")
    pq.write_table(pa.table({"img": [1], "label": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"No image column.*img, label"):
        opened(tmp_path / "a.parquet")


def test_labels_may_be_texts_images_bare_bytes_and_tests_unlabelled(tmp_path):
    pixels, labels = pictures(10)
    names = [CLASSES[label] for label in labels]
    images = [png(image) for image in pixels]
    pq.write_table(pa.table({"image": images, "label": names}), tmp_path / "all.parquet")
    assert opened(tmp_path / "all.parquet").classes == CLASSES
    pq.write_table(pa.table({"image": images, "label": labels}), tmp_path / "train.parquet")
    pq.write_table(pa.table({"image": images, "label": -np.ones_like(labels)}), tmp_path / "test.parquet")
    (tmp_path / "all.parquet").unlink()
    assert len(opened(tmp_path).test) == 6  # carved out of train: the given one has no labels


def test_cifar_100_and_the_binary_versions_give_the_same_images(tmp_path):
    pixels, labels = pictures(10, side=32)
    rows = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
    python, binary = tmp_path / "cifar-100-python", tmp_path / "binary"
    python.mkdir()
    binary.mkdir()
    (python / "meta").write_bytes(
        pickle.dumps({b"fine_label_names": [n.encode() for n in CLASSES]}, protocol=2)
    )
    held = {b"data": rows, b"fine_labels": labels.tolist(), b"coarse_labels": [0] * len(rows)}
    (python / "train").write_bytes(pickle.dumps(held, protocol=2))
    (binary / "fine_label_names.txt").write_text("\n".join(CLASSES))
    records = np.concatenate([np.zeros((30, 1)), labels[:, None], rows], axis=1)
    (binary / "train.bin").write_bytes(records.astype(np.uint8).tobytes())
    one, other = opened(tmp_path), opened(binary)
    assert one.fingerprint == other.fingerprint
    assert one.classes == CLASSES


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Attack:
        def __reduce__(self):
            return (print, ("attacked",))

    (tmp_path / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"a", b"b"]}))
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({b"data": Attack()}))
    with pytest.raises(DataError, match="refers to"):
        opened(tmp_path)


def test_saved_data_sets_without_train_are_errors(tmp_path):
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["test"]}))
    with pytest.raises(DataError, match="expected train"):
        opened(tmp_path)


def test_a_changed_file_changes_the_signature_and_the_fingerprint(tmp_path):
    image_folder(tmp_path / "images")
    before = signature(tmp_path / "images"), open_images(str(tmp_path / "images"), seed=0, cache=tmp_path)
    file = next((tmp_path / "images" / "train" / "ant").iterdir())
    file.write_bytes(png(255 - pictures(1)[0][0]))
    after = signature(tmp_path / "images"), open_images(str(tmp_path / "images"), seed=0, cache=tmp_path)
    assert before[0] != after[0]
    assert before[1].fingerprint != after[1].fingerprint


def fingerprint_through(paths):
    data, cache = paths
    return open_images(str(data), seed=0, cache=cache).fingerprint


@pytest.mark.slow
def test_workers_that_decode_at_once_agree_and_leave_one_copy(tmp_path):
    data, cache = image_folder(tmp_path / "images"), tmp_path / "cache"
    with ProcessPoolExecutor(4) as pool:
        found = set(pool.map(fingerprint_through, [(data, cache)] * 8))
    assert len(found) == 1
    assert len([path for path in cache.iterdir() if path.name != ".lock"]) == 1


def test_what_a_killed_decoding_left_is_swept(tmp_path):
    cache = tmp_path / "cache"
    (cache / ".decoding-killed").mkdir(parents=True)
    (cache / ".decoding-killed" / "train_images.npy").write_bytes(b"half")
    open_images(str(image_folder(tmp_path / "images")), seed=0, cache=cache)
    assert not (cache / ".decoding-killed").exists()


def test_unreadable_images_are_reported(tmp_path, caplog):
    for name in CLASSES:
        (tmp_path / name).mkdir()
        for number, image in enumerate(pictures(20)[0]):
            (tmp_path / name / f"{number}.png").write_bytes(png(image))
    (tmp_path / "ant" / "7.png").write_bytes(b"")
    splits = opened(tmp_path)
    assert len(splits.unreadable) == 1
    assert splits.unreadable[0].endswith("7.png")
    assert "Skipped 1 image that cannot be read: " in caplog.text


def test_a_failed_decoding_leaves_nothing_behind(tmp_path):
    image_folder(tmp_path / "images")
    next((tmp_path / "images" / "train" / "ant").iterdir()).write_bytes(b"")
    with pytest.raises(DataError):
        open_images(str(tmp_path / "images"), seed=0, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_images_that_an_earlier_version_cached_are_taken_over_where_they_are_read_as_before(tmp_path, kind):
    for name in CLASSES:
        (tmp_path / "images" / name).mkdir(parents=True)
        for number, image in enumerate(pictures(4, seed=len(name))[0]):
            Image.fromarray(image).save(tmp_path / "images" / name / f"{number}.{kind}")
    cache = tmp_path / "cache"
    now = open_images(str(tmp_path / "images"), seed=0, cache=cache)
    (folder,) = (path for path in cache.iterdir() if path.is_dir())
    former = f"{(tmp_path / 'images').resolve()} {signature(tmp_path / 'images')}"
    name = hashlib.sha256(json.dumps([1, former, 0]).encode()).hexdigest()[:24]
    folder.rename(cache / name)
    inode = (cache / name / "train_images.npy").stat().st_ino
    again = open_images(str(tmp_path / "images"), seed=0, cache=cache)
    assert again.fingerprint == now.fingerprint
    assert ((folder / "train_images.npy").stat().st_ino == inode) == (kind == "jpg")


def saved_part(folder, columns, features=None):
    folder.mkdir(parents=True)
    table = pa.table(columns)
    with pa.ipc.new_stream(folder / "data.arrow", table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or {}}))


def test_parts_of_saved_data_sets_are_read_left_out_or_refused(tmp_path):
    images = [png(image) for image in pictures(10)[0]]
    labelled = {"image": images, "label": [n % 3 for n in range(30)]}
    for name, columns in (("train", labelled), ("dev", labelled), ("unsupervised", {"image": images})):
        saved_part(tmp_path / name, columns)
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "dev", "unsupervised"]}))
    splits = opened(tmp_path)
    assert len(splits.validation) == 30
    assert splits.notes[0] == "Left out 30 images in 'unsupervised', which have no labels."
    saved_part(tmp_path / "more", labelled)
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "more"]}))
    with pytest.raises(DataError, match=r"The part 'more' of .* has labels but is no split"):
        opened(tmp_path)


def test_columns_of_saved_data_sets_can_be_chosen(tmp_path):
    images = [png(image) for image in pictures(10)[0]]
    saved_part(tmp_path / "all", {"image": images, "label": [0] * 30, "kind": ["a", "b", "c"] * 10})
    assert opened(f"{tmp_path / 'all'}?label=kind").classes == ("a", "b", "c")


def test_arrays_of_every_split_are_read_and_others_named(tmp_path):
    pixels, labels = pictures(10)
    held = {
        f"{kind}_{part}": value for part in ("train", "dev") for kind, value in (("X", pixels), ("y", labels))
    }
    np.savez(tmp_path / "a.npz", **held, X_extra=pixels)
    splits = opened(tmp_path / "a.npz")
    assert len(splits.validation) == 30
    assert splits.notes[0] == f"Left out the arrays 'X_extra' of '{tmp_path / 'a.npz'}'."


def test_classes_of_arrays_are_the_numbers_that_have_images(tmp_path):
    pixels, labels = pictures(10)
    np.savez(tmp_path / "a.npz", images=pixels, labels=np.array([-1, 10, 2**40])[labels])
    splits = opened(tmp_path / "a.npz")
    assert splits.classes == ("10", str(2**40))
    assert splits.notes == ("Left out 10 images of the 30 in 'train', which have no label.",)


def test_several_data_sets_in_one_folder_are_asked_for(tmp_path):
    idx(tmp_path)
    for file in [*tmp_path.iterdir()]:
        file.rename(tmp_path / f"emnist-letters-{file.name}")
    idx(tmp_path)
    with pytest.raises(DataError, match="several files of train images"):
        opened(tmp_path)


def test_a_download_that_is_not_complete_is_named(tmp_path):
    table = pa.table({"image": [png(image) for image in pictures(10)[0]], "label": [0, 1, 2] * 10})
    pq.write_table(table, tmp_path / "train-00001-of-00002.parquet")
    with pytest.raises(DataError, match=r"1 of the 2 files of train: .* number 0"):
        opened(tmp_path)


def test_an_image_that_was_not_fetched_is_told_from_others(tmp_path):
    image_folder(tmp_path)
    for file in (tmp_path / "train" / "ant").iterdir():
        file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DataError, match="a pointer of Git LFS"):
        opened(tmp_path)


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "cache").write_text("a file")
    image_folder(tmp_path / "images")
    with pytest.raises(DataError, match="Cannot keep decoded images in"):
        open_images(str(tmp_path / "images"), seed=0, cache=tmp_path / "cache")
