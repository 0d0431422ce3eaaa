"""Which form a file of VGG-19's filters has: told by its content, never by its name."""

import zipfile

from srn_jax.errors import InputError

FORMS = ("Keras .h5", "Keras .keras", ".npz", "MatConvNet .mat", "torchvision .pth")
MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")  # torch.serialization.MAGIC_NUMBER, as a pickle holds it
_HDF5 = b"\x89HDF\r\n\x1a\n"
_OTHERS = (  # where the bytes are, the bytes, what they say
    (0, b"MATLAB 7.3 MAT-file", "a .mat file of version 7.3; MATLAB's `save -v7` writes one that can be read"),
    (0, b"\x93NUMPY", "one array alone (.npy)"),
    (0, b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (0, b"version https://git-lfs", "a pointer of Git LFS; `git lfs pull` fetches the file itself"),
    (0, b"<", "a web page, as servers send in place of a file"),
    (0, b"\x80", "a Python pickle that torch.save did not write; to load it could run any program"),
    (8, b'{"', "a safetensors file"),
    (257, b"ustar", "a tar archive, as PyTorch wrote before 2017"),
)


def recognise(path: str) -> str:
    """Returns the name in `FORMS` of the form that the file's bytes show; raises InputError that says what they are."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head.startswith(b"MATLAB") and any(head[at:].startswith(_HDF5) for at in (0, 512, 1024, 2048)):
        return "Keras .h5"
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return "MatConvNet .mat"
    if head.startswith(b"\x80") and MAGIC in head[:32]:
        return "torchvision .pth"
    if head.startswith(b"PK\x03\x04"):
        return _recognise_zip(path)
    meanings = [meaning for at, start, meaning in _OTHERS if head[at:].startswith(start)]
    raise _unknown(
        path, meanings[0] if meanings else f"something else, it begins with {head[:8]!r}" if head else "empty"
    )


def _recognise_zip(path: str) -> str:
    """Returns the form of a file that begins as a zip archive does: three of the forms are such archives."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.split("/")[-1] for name in archive.namelist()]
    except Exception as error:  # a damaged directory raises whatever its bytes provoke
        raise _unknown(
            path, f"a zip archive (.npz, .keras and .pth are such), damaged or cut short: {error}"
        ) from error
    if "data.pkl" in names:
        return "torchvision .pth"
    if "model.weights.h5" in names:
        return "Keras .keras"
    if any(name.endswith(".npy") for name in names):
        return ".npz"
    raise _unknown(path, f"a zip archive of other things, such as {names[0]!r}" if names else "an empty zip archive")


def _unknown(path: str, meaning: str) -> InputError:
    return InputError(f"{path!r} is {meaning}; the forms that are read: {', '.join(FORMS)}")
