"""Moved to taylorad.dispatch.exact; this file goes."""
from taylorad.dispatch.exact import Exact  # noqa: F401
