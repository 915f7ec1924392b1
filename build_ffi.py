"""Write `imageflow_loader/_backend/_abi.py` from the C declarations below.

    python build_ffi.py            write the module
    python build_ffi.py --check    exit with 1 when the committed module is not this one

Out-of-line ABI mode: nothing is compiled, and users need no C parser. The output is the
same for every cffi and Python (tried: cffi 1.15 to 2.1, Python 3.10 to 3.13), so it is
committed and `--check` can compare bytes.

Source of the declarations: the C ABI of imageflow 3.2, imageflow_abi/src/lib.rs
(v2.3.1-rc01). `imageflow_context_print_and_exit_if_error` is left out: it calls `exit`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import cffi

MODULE = "imageflow_loader._backend._abi"
TARGET = Path(__file__).parent.joinpath(*MODULE.split(".")).with_suffix(".py")

BASELINE = """
typedef struct imageflow_context imageflow_context;
typedef struct imageflow_json_response imageflow_json_response;

bool imageflow_abi_compatible(uint32_t major, uint32_t minor);
uint32_t imageflow_abi_version_major(void);
uint32_t imageflow_abi_version_minor(void);

imageflow_context *imageflow_context_create(uint32_t major, uint32_t minor);
bool imageflow_context_begin_terminate(imageflow_context *context);
void imageflow_context_destroy(imageflow_context *context);

bool imageflow_context_has_error(imageflow_context *context);
bool imageflow_context_error_recoverable(imageflow_context *context);
bool imageflow_context_error_try_clear(imageflow_context *context);
int32_t imageflow_context_error_code(imageflow_context *context);
int32_t imageflow_context_error_as_exit_code(imageflow_context *context);
int32_t imageflow_context_error_as_http_code(imageflow_context *context);
bool imageflow_context_error_write_to_buffer(
    imageflow_context *context, char *buffer, size_t capacity, size_t *written);

const imageflow_json_response *imageflow_context_send_json(
    imageflow_context *context, const char *method, const uint8_t *json, size_t size);
bool imageflow_json_response_read(
    imageflow_context *context, const imageflow_json_response *response,
    int64_t *status, const uint8_t **utf8, size_t *size);
bool imageflow_json_response_destroy(
    imageflow_context *context, imageflow_json_response *response);

bool imageflow_context_add_input_buffer(
    imageflow_context *context, int32_t io_id, const uint8_t *bytes, size_t size,
    int lifetime);
bool imageflow_context_add_output_buffer(imageflow_context *context, int32_t io_id);
bool imageflow_context_get_output_buffer_by_id(
    imageflow_context *context, int32_t io_id, const uint8_t **bytes, size_t *size);

void *imageflow_context_memory_allocate(
    imageflow_context *context, size_t size, const char *filename, int32_t line);
bool imageflow_context_memory_free(
    imageflow_context *context, void *pointer, const char *filename, int32_t line);
"""

ABI_3_1 = """
void imageflow_context_request_cancellation(imageflow_context *context);
"""

ABI_3_2 = """
bool imageflow_context_take_output_buffer(
    imageflow_context *context, int32_t io_id, uint8_t **bytes, size_t *size);
bool imageflow_buffer_free(uint8_t *bytes, size_t size);
"""


def generate() -> str:
    """Return the source of the module."""
    builder = cffi.FFI()
    builder.set_source(MODULE, None)
    builder.cdef(BASELINE + ABI_3_1 + ABI_3_2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "_abi.py")
        builder.emit_python_code(str(path))
        return path.read_text(encoding="utf-8")


def main() -> int:
    """Write the module, or compare it with the committed one."""
    parser = argparse.ArgumentParser(description="Generate the cffi module.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    source = generate()
    if not check:
        TARGET.write_text(source, encoding="utf-8", newline="\n")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == source:
        return 0
    sys.stderr.write(f"{TARGET} is stale: run `python build_ffi.py`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
