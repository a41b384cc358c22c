"""duckdb.py - reads a DuckDB file through the engine's own C API, all values as text."""
import ctypes
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARY = os.path.join(ROOT, "build", "deps", "duckdb", "libduckdb.so")


def driver_url(path):
    return f"adbc:{LIBRARY}?entrypoint=duckdb_adbc_init&path={path}"


class Result(ctypes.Structure):
    _fields_ = [("counts", ctypes.c_uint64 * 3), ("columns", ctypes.c_void_p),
                ("error", ctypes.c_char_p), ("internal", ctypes.c_void_p)]


def query(path, sql):
    """Rows of text and None. The file is opened and closed, so that others may write it again."""
    library = ctypes.CDLL(LIBRARY)
    library.duckdb_value_varchar.restype = ctypes.c_void_p
    library.duckdb_column_count.restype = library.duckdb_row_count.restype = ctypes.c_uint64
    library.duckdb_result_error.restype = ctypes.c_char_p
    database, connection, result = ctypes.c_void_p(), ctypes.c_void_p(), Result()
    if library.duckdb_open(path.encode(), ctypes.byref(database)) != 0:
        raise RuntimeError(f"could not open {path}")
    try:
        library.duckdb_connect(database, ctypes.byref(connection))
        if library.duckdb_query(connection, sql.encode(), ctypes.byref(result)) != 0:
            raise RuntimeError(library.duckdb_result_error(ctypes.byref(result)).decode())
        rows = []
        for row in range(library.duckdb_row_count(ctypes.byref(result))):
            cells = []
            for column in range(library.duckdb_column_count(ctypes.byref(result))):
                text = library.duckdb_value_varchar(
                    ctypes.byref(result), ctypes.c_uint64(column), ctypes.c_uint64(row))
                cells.append(ctypes.string_at(text).decode() if text else None)
                library.duckdb_free(ctypes.c_void_p(text))
            rows.append(tuple(cells))
        library.duckdb_destroy_result(ctypes.byref(result))
        return rows
    finally:
        library.duckdb_disconnect(ctypes.byref(connection))
        library.duckdb_close(ctypes.byref(database))
