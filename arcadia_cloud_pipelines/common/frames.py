"""pandas, numpy and pyarrow, loaded when first used.

They take longer to load than Dagster's own half, and 60 MB; of commands and runs few need them.
Take them from here, and never at the level of a module: `from ..frames import pd`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pa_csv
    from numpy.typing import NDArray

    Ints = NDArray[Any]
    Bools = NDArray[Any]
else:
    from importlib import import_module
    from types import ModuleType

    class _Late(ModuleType):
        """Stands for a module until something of it is asked for."""

        def __getattr__(self, name: str) -> Any:
            value = getattr(import_module(self.__name__), name)
            setattr(self, name, value)  # The next time nobody asks here.
            return value

    np, pd, pa = _Late("numpy"), _Late("pandas"), _Late("pyarrow")
    pc, pa_csv = _Late("pyarrow.compute"), _Late("pyarrow.csv")
    Ints = Bools = Any

__all__ = ["Bools", "Ints", "np", "pa", "pa_csv", "pc", "pd"]
