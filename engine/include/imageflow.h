/*
 * imageflow.h - the C interface of libimageflow, embedded edition, ABI 3.2
 *
 * The names, numbers and meanings are those of imageflow's own library, so a program built
 * for one runs with the other. Where this edition is stricter or kinder it says so.
 *
 * How it goes
 *
 *   struct imageflow_context *job = imageflow_context_create(3, 0);
 *   imageflow_context_add_input_buffer(job, 0, bytes, size,
 *                                      imageflow_lifetime_lifetime_outlives_context);
 *   imageflow_context_add_output_buffer(job, 1);
 *   imageflow_context_send_json(job, "v1/execute", (const uint8_t *)json, strlen(json));
 *   if (!imageflow_context_has_error(job))
 *       imageflow_context_take_output_buffer(job, 1, &result, &length);
 *   imageflow_context_destroy(job);
 *   ...
 *   imageflow_buffer_free(result, length);
 *
 * What holds everywhere
 *
 *   NULL     A NULL context is a bug of the caller that could not be reported: the process is
 *            aborted with a line on standard error. (`imageflow_context_destroy` and
 *            `imageflow_context_error_write_to_buffer` say what they do instead.) Any other
 *            NULL that is not allowed is an error on the context.
 *   Errors   A context keeps its first error, and that for good: requests answer with it,
 *            inputs and outputs cannot be added. Make a new context; it costs a microsecond.
 *            A bug in the library is an error too (code 18); it never ends the process, and
 *            nothing is printed.
 *   Memory   `get` lends, `take` gives away, `add` copies or borrows as its lifetime says,
 *            `destroy` and `free` accept NULL.
 *   Threads  Every function may be called from any thread. Calls that work on inputs and
 *            outputs (add, get, take, send_json, begin_terminate) wait for one another; all
 *            others return at once, even while a job runs. Jobs of different contexts run at
 *            the same time. Nobody may use a context that is being destroyed.
 *   Fork     The library has no threads of its own, so a forked child can use it.
 *   Stack    A job runs on the thread that sends it.
 */
#ifndef IMAGEFLOW_H
#define IMAGEFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the ABI that this header describes. */
#define IMAGEFLOW_ABI_VER_MAJOR 3
#define IMAGEFLOW_ABI_VER_MINOR 2

/* One job: its inputs, outputs, answers and first error. */
struct imageflow_context;

/* The answer to one request. */
struct imageflow_json_response;

/* How long the memory of an input stays alive and unchanged. */
typedef enum imageflow_lifetime {
    /* Until the call returns: the bytes are copied. */
    imageflow_lifetime_lifetime_outlives_function_call = 0,
    /* Until the context is gone: the bytes are read where they are. */
    imageflow_lifetime_lifetime_outlives_context = 1
} imageflow_lifetime;

/* ---- Version ------------------------------------------------------------------------- */

/* Whether a program that was made for this version of the ABI can use the library: true for
 * 3.0, 3.1 and 3.2. */
bool imageflow_abi_compatible(uint32_t imageflow_abi_ver_major,
                              uint32_t imageflow_abi_ver_minor);

/* 3 */
uint32_t imageflow_abi_version_major(void);

/* 2 */
uint32_t imageflow_abi_version_minor(void);

/* ---- Contexts ------------------------------------------------------------------------ */

/* Make a context; NULL when the library does not fit a program made for that version. End it
 * with imageflow_context_destroy. */
struct imageflow_context *imageflow_context_create(uint32_t imageflow_abi_ver_major,
                                                   uint32_t imageflow_abi_ver_minor);

/* Let go of inputs and outputs now: borrowed inputs are the caller's again, lent outputs are
 * gone. Errors and answers stay. Waits for a running job. Always true. */
bool imageflow_context_begin_terminate(struct imageflow_context *context);

/* End a context and free all that belongs to it. NULL is nothing to end. No other thread may
 * be using it. */
void imageflow_context_destroy(struct imageflow_context *context);

/* Ask the running job to stop, and every later one not to start. It cannot be taken back: the
 * context has the error 21 unless it had another. Returns at once. Since ABI 3.1. */
void imageflow_context_request_cancellation(struct imageflow_context *context);

/* ---- Errors -------------------------------------------------------------------------- */

/* Whether something failed. */
bool imageflow_context_has_error(struct imageflow_context *context);

/* Whether the context can be used further: false once there is an error. */
bool imageflow_context_error_recoverable(struct imageflow_context *context);

/* Whether the context has no error after this call. An error cannot be cleared, so: false once
 * there is one. */
bool imageflow_context_error_try_clear(struct imageflow_context *context);

/* What kind of error it is:
 *
 *   code  meaning                                        HTTP status   exit status
 *      0  none                                                   200             0
 *      1  out of memory                                          503            71
 *      2  a value in the request cannot be used                  400            64
 *      3  the request is not JSON, or not of its form            400            65
 *      4  the picture is damaged or of an unknown kind           400            65
 *      7  nodes and edges make no graph that can run             400            64
 *     16  a file could not be read or written                    500            74
 *     18  a fault of the library                                 500            70
 *     21  cancelled                                              499           130
 *
 * Treat a number that is not listed as an error of unknown kind. */
int32_t imageflow_context_error_code(struct imageflow_context *context);
int32_t imageflow_context_error_as_http_code(struct imageflow_context *context);
int32_t imageflow_context_error_as_exit_code(struct imageflow_context *context);

/* Write the text of the error, "Category: Kind: what happened", as UTF-8 with a NUL at its end
 * (no text, only the NUL, without an error). True when all of it had room; otherwise as much
 * as has room, cut between characters, with its NUL. bytes_written, if not NULL, gets the
 * bytes before the NUL. A NULL buffer gives false before anything else is looked at. 2 KiB are
 * always enough. */
bool imageflow_context_error_write_to_buffer(struct imageflow_context *context, char *buffer,
                                             size_t buffer_length, size_t *bytes_written);

/* For command line programs only: when there is an error, print it to standard error and
 * exit() with its exit status. False without an error. */
bool imageflow_context_print_and_exit_if_error(struct imageflow_context *context);

/* ---- Requests ------------------------------------------------------------------------ */

/* Send a request to an endpoint and wait for the answer.
 *
 * method names the endpoint without a leading slash, for instance "v1/execute". The JSON has no
 * NUL at its end and at most 64 MiB. Both need to live until the call returns.
 *
 * A request that fails has an answer too, with the error in it. NULL comes back only when there
 * cannot be an answer: method or json_buffer is NULL, method is not UTF-8, or the library has a
 * bug. Then the context has an error. The answer belongs to the context;
 * imageflow_json_response_destroy frees it earlier. */
const struct imageflow_json_response *
imageflow_context_send_json(struct imageflow_context *context, const char *method,
                            const uint8_t *json_buffer, size_t json_buffer_size);

/* Read an answer: its status, as in HTTP, and its JSON, UTF-8 without a NUL at its end. The bytes
 * live as long as the answer. Each out-parameter may be NULL. False, with an error on the context,
 * for NULL and for what is no answer of this context (any more). */
bool imageflow_json_response_read(struct imageflow_context *context,
                                  const struct imageflow_json_response *response_in,
                                  int64_t *status_as_http_code_out,
                                  const uint8_t **buffer_utf8_no_nulls_out,
                                  size_t *buffer_size_out);

/* Free an answer. NULL is nothing to free. False when it is no answer of this context, or was
 * freed before. */
bool imageflow_json_response_destroy(struct imageflow_context *context,
                                     struct imageflow_json_response *response);

/* ---- Inputs and outputs -------------------------------------------------------------- */

/* Add a picture. io_id is any number that no other input or output of the context has. The first
 * bytes must be those of a JPEG, PNG, GIF or WebP. */
bool imageflow_context_add_input_buffer(struct imageflow_context *context, int32_t io_id,
                                        const uint8_t *buffer, size_t buffer_byte_count,
                                        imageflow_lifetime lifetime);

/* Add a buffer for a job to encode to. */
bool imageflow_context_add_output_buffer(struct imageflow_context *context, int32_t io_id);

/* Lend what was encoded: the bytes belong to the context and live until begin_terminate or
 * destroy. Nothing yet is length 0 with a pointer that is not NULL. The output can neither be
 * encoded to nor taken afterwards; get may be repeated. */
bool imageflow_context_get_output_buffer_by_id(struct imageflow_context *context, int32_t io_id,
                                               const uint8_t **result_buffer,
                                               size_t *result_buffer_length);

/* Give away what was encoded, without a copy: the bytes are the caller's, outlive the context and
 * are freed with imageflow_buffer_free. Once only, and not after get. On failure nothing is
 * written to the out-parameters. Since ABI 3.2. */
bool imageflow_context_take_output_buffer(struct imageflow_context *context, int32_t io_id,
                                          uint8_t **result_buffer,
                                          size_t *result_buffer_length);

/* Free what take gave, with the length that it gave, once; on any thread. NULL is nothing to free.
 * Always true. Since ABI 3.2. */
bool imageflow_buffer_free(uint8_t *buffer, size_t length);

/* ---- Memory -------------------------------------------------------------------------- */

/* Allocate zeroed memory, aligned to 16 bytes, that is freed with the context at the latest. NULL,
 * with an error on the context, when there is not that much. filename and line name the caller's
 * code for somebody with a debugger and are not read; filename may be NULL. */
void *imageflow_context_memory_allocate(struct imageflow_context *context, size_t bytes,
                                        const char *filename, int32_t line);

/* Free it earlier. NULL is nothing to free. False when it is no block of this context, or was freed
 * before. */
bool imageflow_context_memory_free(struct imageflow_context *context, void *pointer,
                                   const char *filename, int32_t line);

#ifdef __cplusplus
}
#endif

#endif
