/* An engine without pictures, for what a real one does too rarely to wait for.
 *
 * The method chooses what happens:
 *   v1/get_version_info  an answer
 *   panic                NULL, code 18, a text of nothing but the category
 *   late                 status 200 and a recorded cancellation
 *   teapot               status 418 and no error
 *   long                 an error of TEXT_SIZE bytes
 *   stack                an answer with the size of this thread's stack
 * Build with -DMAJOR=4, -DMINOR=0, or -DWITHOUT_BUFFER_FREE and the like.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MAJOR
#define MAJOR 3
#endif
#ifndef MINOR
#define MINOR 2
#endif
#define TEXT_SIZE 50000

typedef struct { int code; int64_t status; char *text; char *answer; } context;

int contexts = 0; /* created and not yet destroyed */
int asked_major = -1, asked_minor = -1;

uint32_t imageflow_abi_version_major(void) { return MAJOR; }
uint32_t imageflow_abi_version_minor(void) { return MINOR; }
bool imageflow_abi_compatible(uint32_t major, uint32_t minor) {
    return major == MAJOR && minor <= MINOR;
}

context *imageflow_context_create(uint32_t major, uint32_t minor) {
    asked_major = major, asked_minor = minor;
    if (getenv("STUB_ENGINE_HAS_NO_MEMORY")) return NULL;
    __sync_fetch_and_add(&contexts, 1);
    return calloc(1, sizeof(context));
}
bool imageflow_context_begin_terminate(context *c) { return c != NULL; }
void imageflow_context_destroy(context *c) {
    free(c->text), free(c->answer), free(c);
    __sync_fetch_and_sub(&contexts, 1);
}

bool imageflow_context_has_error(context *c) { return c->code != 0; }
bool imageflow_context_error_recoverable(context *c) { return c->code == 0; }
bool imageflow_context_error_try_clear(context *c) { return c->code == 0; }
int32_t imageflow_context_error_code(context *c) { return c->code; }
int32_t imageflow_context_error_as_exit_code(context *c) { return c->code; }
int32_t imageflow_context_error_as_http_code(context *c) { return c->code; }

/* As v2.3.1-rc01 does it: what is cut ends with a marker and has its NUL inside. */
bool imageflow_context_error_write_to_buffer(context *c, char *buffer, size_t capacity,
                                             size_t *written) {
    static const char marker[] = "\n[truncated]\n";
    const char *text = c->text ? c->text : "";
    size_t size = strlen(text);
    (void)written;
    if (capacity >= size + sizeof marker) {
        memcpy(buffer, text, size + 1);
        return true;
    }
    if (capacity < 2) return false;
    if (capacity < 15) {
        buffer[0] = 0;
        return false;
    }
    size_t kept = capacity - sizeof marker;
    memcpy(buffer, text, kept);
    memcpy(buffer + kept, marker, sizeof marker - 1);
    buffer[sizeof marker - 1] = 0;
    return false;
}

static void fail(context *c, int code, int64_t status, const char *text) {
    c->code = code, c->status = status, c->text = strdup(text);
}

static size_t stack_bytes(void) {
    pthread_attr_t attributes;
    void *address;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &address, &size);
        pthread_attr_destroy(&attributes);
    }
    return size;
}

const void *imageflow_context_send_json(context *c, const char *method,
                                        const uint8_t *json, size_t json_size) {
    (void)json, (void)json_size;
    c->status = 200;
    free(c->answer), c->answer = calloc(1, 200);
    strcpy(c->answer, "{\"code\":200,\"success\":true,\"message\":\"OK\",\"data\":{}}");
    if (!strcmp(method, "v1/get_version_info"))
        strcpy(c->answer, "{\"data\":{\"version_info\":{\"git_tag\":\"v2.3.1-stub\"}}}");
    if (!strcmp(method, "stack"))
        sprintf(c->answer, "{\"data\":{\"stack_bytes\":%zu}}", stack_bytes());
    if (!strcmp(method, "late"))
        fail(c, 21, 200, "OperationCancelled: OperationCancelled: too late at\na.rs:1:1\n");
    if (!strcmp(method, "teapot")) c->status = 418;
    if (!strcmp(method, "long")) {
        char *text = malloc(TEXT_SIZE + 1);
        memset(text, 'x', TEXT_SIZE), text[TEXT_SIZE] = 0;
        memcpy(text, "InvalidJson: Json: ", 19);
        fail(c, 3, 400, text), free(text);
    }
    if (!strcmp(method, "panic")) {
        fail(c, 18, 500, "InternalError: ");
        return NULL;
    }
    return c;
}
bool imageflow_json_response_read(context *c, const void *response, int64_t *status,
                                  const uint8_t **utf8, size_t *size) {
    (void)response;
    *status = c->status, *utf8 = (uint8_t *)c->answer, *size = strlen(c->answer);
    return true;
}
bool imageflow_json_response_destroy(context *c, void *response) {
    return c && response;
}

bool imageflow_context_add_input_buffer(context *c, int32_t io_id, const uint8_t *bytes,
                                        size_t size, int lifetime) {
    (void)io_id, (void)bytes, (void)size;
    return c && lifetime == 1; /* lent until the context is destroyed */
}
bool imageflow_context_add_output_buffer(context *c, int32_t io_id) {
    return c && io_id >= 0;
}
bool imageflow_context_get_output_buffer_by_id(context *c, int32_t io_id,
                                               const uint8_t **bytes, size_t *size) {
    (void)c, (void)io_id;
    *bytes = (const uint8_t *)"lent", *size = 4;
    return true;
}
void *imageflow_context_memory_allocate(context *c, size_t size, const char *file,
                                        int32_t line) {
    (void)c, (void)file, (void)line;
    return malloc(size);
}
bool imageflow_context_memory_free(context *c, void *p, const char *file, int32_t line) {
    (void)c, (void)file, (void)line;
    free(p);
    return true;
}

#ifndef WITHOUT_CANCELLATION
void imageflow_context_request_cancellation(context *c) { c->code = 21; }
#endif
#ifndef WITHOUT_TAKE
int buffers = 0; /* taken and not yet freed */
bool imageflow_context_take_output_buffer(context *c, int32_t io_id, uint8_t **bytes,
                                          size_t *size) {
    (void)c, (void)io_id;
    *size = 5, *bytes = (uint8_t *)strdup("taken");
    buffers++;
    return true;
}
#ifndef WITHOUT_BUFFER_FREE
bool imageflow_buffer_free(uint8_t *bytes, size_t size) {
    if (size == 5) buffers--;
    free(bytes);
    return true;
}
#endif
#endif
