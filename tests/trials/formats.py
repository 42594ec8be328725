"""Writes the same small images in every format: 10 train and 5 test images of each of 3 classes."""

import gzip
import io
import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

CLASSES = ("ant", "bee", "cat")
TRAIN, TEST = 10, 5


def pictures(count, channels=3, side=12, seed=0):
    """Return `count` different images of each class, in shuffled order, and their labels."""
    rng = np.random.default_rng([seed, count, channels])
    labels = rng.permutation(np.repeat(np.arange(len(CLASSES)), count)).astype(np.int64)
    pixels = rng.integers(0, 256, (len(labels), side, side, channels), dtype=np.uint8)
    return pixels, labels


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, "PNG")
    return buffer.getvalue()


def image_folder(path, channels=3):
    for part, count in (("train", TRAIN), ("test", TEST)):
        for index, (pixels, label) in enumerate(zip(*pictures(count, channels), strict=True)):
            file = path / part / CLASSES[label] / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(png(pixels))
    return path


def features():
    return {"image": {"_type": "Image"}, "label": {"names": list(CLASSES), "_type": "ClassLabel"}}


def arrow_table(count):
    pixels, labels = pictures(count)
    rows = [{"bytes": png(image), "path": None} for image in pixels]
    table = pa.table({"image": rows, "label": pa.array(labels)})
    metadata = json.dumps({"info": {"features": features()}})
    return table.replace_schema_metadata({"huggingface": metadata})


def parquet(path):
    for part, count in (("train", TRAIN), ("test", TEST)):
        pq.write_table(arrow_table(count), path / f"{part}-00000-of-00001.parquet")
    return path


def hf_directory(path):
    (path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    for part, count in (("train", TRAIN), ("test", TEST)):
        folder = path / part
        folder.mkdir()
        file = "data-00000-of-00001.arrow"
        table = arrow_table(count)
        with pa.ipc.new_stream(folder / file, table.schema) as stream:
            stream.write_table(table)
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": file}]}))
        (folder / "dataset_info.json").write_text(json.dumps({"features": features()}))
    return path


def arrays(path):
    held = {}
    for part, count in (("train", TRAIN), ("test", TEST)):
        held[f"x_{part}"], held[f"y_{part}"] = pictures(count)
    np.savez(path / "images.npz", **held)
    return path / "images.npz"


def idx(path):
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        pixels, labels = pictures(count, channels=1)
        head = np.array([len(labels), 12, 12], dtype=">i4").tobytes()
        content = b"\0\0\x08\x03" + head + pixels.tobytes()
        (path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(content, mtime=0))
        content = b"\0\0\x08\x01" + head[:4] + labels.astype(np.uint8).tobytes()
        (path / f"{part}-labels-idx1-ubyte").write_bytes(content)
    return path


def cifar(path):
    folder = path / "cifar-10-batches-py"
    folder.mkdir()
    meta = {b"label_names": [name.encode() for name in CLASSES]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    pixels, labels = pictures(TRAIN, side=32)
    pieces = [(f"data_batch_{n + 1}", pixels[n::5], labels[n::5]) for n in range(5)]
    pieces.append(("test_batch", *pictures(TEST, side=32)))
    for name, images, part_labels in pieces:
        rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        held = {b"data": rows, b"labels": part_labels.tolist()}
        (folder / name).write_bytes(pickle.dumps(held, protocol=2))
    return path


WRITERS = {
    "arrays": arrays,
    "cifar": cifar,
    "hf_directory": hf_directory,
    "idx": idx,
    "image_folder": image_folder,
    "parquet": parquet,
}
