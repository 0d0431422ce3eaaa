"""Reading VGG-19's filters from a file of any form."""

from collections.abc import Callable

from srn_jax.errors import InputError
from srn_jax.vgg import readers
from srn_jax.vgg.readers import Filters
from srn_jax.vgg.recognise import recognise

# By the names in `recognise.FORMS`. Each takes the path and that name, and may raise whatever broken bytes provoke.
READERS: dict[str, Callable[[str, str], Filters]] = {
    "Keras .h5": readers.read_h5,
    "Keras .keras": readers.read_keras,
    ".npz": readers.read_npz,
    "MatConvNet .mat": readers.read_mat,
    "torchvision .pth": readers.read_torch,
}


def read(path: str) -> Filters:
    """Returns the filters in the file at `path`, all of them, as for RGB; their number and widths are not checked.

    Raises:
      InputError: the file cannot be read, has none of `READERS`, is damaged, or holds no finite filters of VGG-19.
    """
    try:
        form = recognise(path)
    except OSError as error:
        raise InputError(f"{path!r} cannot be read: {error.strerror or error}") from error
    try:
        return READERS[form](path, form)
    except InputError:
        raise
    except Exception as error:  # the libraries raise whatever the broken bytes provoke
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path!r} is no readable {form} file, it is damaged or cut short: {reason}") from error
