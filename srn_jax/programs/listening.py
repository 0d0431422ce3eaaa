"""Where pages listen: an address of this machine, and a port that is free."""

import errno
import os
import socket

from srn_jax.errors import InputError

FIRST_PORT = 7860  # where a page looks for a free one
_PORTS = 100  # that it looks at


def listen(host: str, port: int | None) -> socket.socket:
    """Returns a socket that listens at an address of this machine.

    Args:
      host: its name or number.
      port: None takes the first that is free, from `FIRST_PORT` on.

    Raises:
      InputError: `host` is no address of this machine, or `port`, or each that was looked at, is in use.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"--host is {host!r}, which is no address of this machine: {why}") from error
    ports = range(FIRST_PORT, FIRST_PORT + _PORTS) if port is None else [port]
    for number in ports:
        try:
            return socket.create_server((address[0], number), family=family)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and number != ports[-1]:
                continue
            free = "" if port is None else f", port {port}: without --port it takes the first that is free"
            raise InputError(f"cannot listen on {host}{free} ({os.strerror(error.errno or 0)})") from error
    raise AssertionError
