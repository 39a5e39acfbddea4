"""Raises what no ordinary handler catches."""


class Stop(BaseException):
    """Not an Exception."""


raise Stop("beyond Exception")
