/*
 * The contract of imageflow.h, called as a C program calls it.
 *
 *   abi --list      the names of the cases
 *   abi NAME        one case; status 0 when it holds
 *   abi all         all that need no process of their own, one after the other (for valgrind)
 *
 * tests/abi.rs builds and runs this. No picture is needed: jobs draw their own.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "imageflow.h"

typedef struct imageflow_context context_t;
typedef const struct imageflow_json_response response_t;

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__,         \
                    #condition);                                                             \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

enum { OUT_OF_MEMORY = 1, ARGUMENT_INVALID = 2, INVALID_JSON = 3, MALFORMED = 4, CANCELLED = 21 };

#define DRAW "{\"create_canvas\":{\"format\":\"bgr_32\",\"w\":%d,\"h\":%d,\"color\":{\"srgb\":{\"hex\":\"3366cc\"}}}}"
#define ENCODE "{\"encode\":{\"io_id\":%d,\"preset\":%s}}"
#define DECODE "{\"decode\":{\"io_id\":0}}"
#define LODEPNG "{\"lodepng\":{}}"

/* ---- What the cases are made of ------------------------------------------------------- */

static context_t *new_context(void) {
    context_t *context = imageflow_context_create(3, 0);
    CHECK(context != NULL);
    return context;
}

static int64_t status_of(context_t *context, response_t *response) {
    int64_t status = -1;
    CHECK(imageflow_json_response_read(context, response, &status, NULL, NULL));
    return status;
}

/* The status of a request, or 0 when there is no answer. */
static int64_t send(context_t *context, const char *method, const char *json) {
    response_t *response =
        imageflow_context_send_json(context, method, (const uint8_t *)json, strlen(json));
    return response == NULL ? 0 : status_of(context, response);
}

static int64_t execute(context_t *context, const char *steps) {
    char json[8192];
    int size = snprintf(json, sizeof json, "{\"framewise\":{\"steps\":[%s]}}", steps);
    CHECK(size > 0 && (size_t)size < sizeof json);
    return send(context, "v1/execute", json);
}

/* Draw a picture and encode it to this output. */
static int64_t draw(context_t *context, int w, int h, int io_id, const char *preset) {
    char steps[1024];
    snprintf(steps, sizeof steps, DRAW "," ENCODE, w, h, io_id, preset);
    return execute(context, steps);
}

typedef struct {
    uint8_t *bytes;
    size_t size;
} picture_t;

static picture_t new_picture(const char *preset) {
    picture_t picture = {NULL, 0};
    context_t *context = new_context();
    CHECK(imageflow_context_add_output_buffer(context, 1));
    CHECK(draw(context, 60, 40, 1, preset) == 200);
    CHECK(imageflow_context_take_output_buffer(context, 1, &picture.bytes, &picture.size));
    CHECK(picture.size > 20);
    imageflow_context_destroy(context);
    return picture;
}

static void free_picture(picture_t picture) {
    CHECK(imageflow_buffer_free(picture.bytes, picture.size));
}

static bool add(context_t *context, int32_t io_id, picture_t picture) {
    return imageflow_context_add_input_buffer(context, io_id, picture.bytes, picture.size,
                                              imageflow_lifetime_lifetime_outlives_context);
}

static bool text_begins(context_t *context, const char *begin) {
    char text[2048];
    CHECK(imageflow_context_error_write_to_buffer(context, text, sizeof text, NULL));
    if (strncmp(text, begin, strlen(begin)) == 0) return true;
    fprintf(stderr, "text: %s\n", text);
    return false;
}

/* ---- Versions and contexts ------------------------------------------------------------ */

static void the_version_is_3_2(void) {
    CHECK(imageflow_abi_version_major() == IMAGEFLOW_ABI_VER_MAJOR);
    CHECK(imageflow_abi_version_minor() == IMAGEFLOW_ABI_VER_MINOR);
    CHECK(imageflow_abi_compatible(3, 0) && imageflow_abi_compatible(3, 2));
    CHECK(!imageflow_abi_compatible(3, 3));
    CHECK(!imageflow_abi_compatible(2, 0) && !imageflow_abi_compatible(4, 0));
}

static void a_context_is_made_for_compatible_callers_only(void) {
    CHECK(imageflow_context_create(3, 3) == NULL);
    CHECK(imageflow_context_create(2, 0) == NULL);
    CHECK(imageflow_context_create(4, 0) == NULL);
    context_t *context = imageflow_context_create(3, 2);
    CHECK(context != NULL);
    imageflow_context_destroy(context);
    imageflow_context_destroy(NULL);
}

static void a_new_context_has_no_error(void) {
    context_t *context = new_context();
    char text[8] = "garbage";
    size_t written = 99;
    CHECK(!imageflow_context_has_error(context));
    CHECK(imageflow_context_error_code(context) == 0);
    CHECK(imageflow_context_error_as_http_code(context) == 200);
    CHECK(imageflow_context_error_as_exit_code(context) == 0);
    CHECK(imageflow_context_error_recoverable(context));
    CHECK(imageflow_context_error_try_clear(context));
    CHECK(!imageflow_context_print_and_exit_if_error(context));
    CHECK(imageflow_context_error_write_to_buffer(context, text, sizeof text, &written));
    CHECK(written == 0 && text[0] == '\0');
    imageflow_context_destroy(context);
}

static void the_end_can_begin_early(void) {
    context_t *context = new_context();
    picture_t picture = new_picture(LODEPNG);
    CHECK(add(context, 0, picture));
    CHECK(imageflow_context_add_output_buffer(context, 1));
    response_t *response =
        imageflow_context_send_json(context, "v1/get_version_info", (const uint8_t *)"{}", 2);
    CHECK(imageflow_context_begin_terminate(context));
    free_picture(picture); /* it was borrowed until now */

    const uint8_t *bytes = NULL;
    size_t size = 7;
    CHECK(status_of(context, response) == 200);
    CHECK(!imageflow_context_get_output_buffer_by_id(context, 1, &bytes, &size));
    CHECK(bytes == NULL && size == 7);
    CHECK(text_begins(context, "ArgumentInvalid: IoIdNotFound: "));
    CHECK(imageflow_context_begin_terminate(context));
    imageflow_context_destroy(context);
}

/* ---- Outputs -------------------------------------------------------------------------- */

static void a_taken_output_outlives_its_context(void) {
    picture_t picture = new_picture(LODEPNG); /* whose context is destroyed */
    CHECK(memcmp(picture.bytes, "\x89PNG", 4) == 0);
    picture.bytes[0] = 0; /* and it may be written */
    free_picture(picture);
    CHECK(imageflow_buffer_free(NULL, 0));
}

static void a_lent_output_stays_where_it_is(void) {
    context_t *context = new_context();
    const uint8_t *first = NULL, *again = NULL;
    size_t size = 0;
    CHECK(imageflow_context_add_output_buffer(context, -5));
    CHECK(draw(context, 20, 10, -5, LODEPNG) == 200);
    CHECK(imageflow_context_get_output_buffer_by_id(context, -5, &first, &size));
    for (int32_t io_id = 0; io_id < 100; io_id++)
        CHECK(imageflow_context_add_output_buffer(context, io_id));
    CHECK(imageflow_context_get_output_buffer_by_id(context, -5, &again, &size));
    CHECK(first == again && size > 20 && memcmp(first, "\x89PNG", 4) == 0);
    CHECK(!imageflow_context_has_error(context));
    imageflow_context_destroy(context);
}

/* Every order of two calls for one output, 'g'et or 't'ake. */
static void outputs_fetched_in_this_order(const char *order, bool second) {
    context_t *context = new_context();
    uint8_t *bytes[2] = {NULL, NULL};
    size_t size[2] = {0, 0};
    bool given[2];
    CHECK(imageflow_context_add_output_buffer(context, 1));
    CHECK(draw(context, 20, 10, 1, LODEPNG) == 200);
    for (int i = 0; i < 2; i++)
        given[i] = order[i] == 'g'
                       ? imageflow_context_get_output_buffer_by_id(
                             context, 1, (const uint8_t **)&bytes[i], &size[i])
                       : imageflow_context_take_output_buffer(context, 1, &bytes[i], &size[i]);
    CHECK(given[0] && given[1] == second);
    if (!second) {
        CHECK(bytes[1] == NULL && size[1] == 0);
        CHECK(imageflow_context_error_code(context) == ARGUMENT_INVALID);
        CHECK(text_begins(context, "ArgumentInvalid: InvalidArgument: "));
    }
    imageflow_context_destroy(context);
    if (order[0] == 't') CHECK(imageflow_buffer_free(bytes[0], size[0]));
}

static void an_output_is_taken_once_and_not_after_it_was_lent(void) {
    outputs_fetched_in_this_order("gg", true);
    outputs_fetched_in_this_order("gt", false);
    outputs_fetched_in_this_order("tg", false);
    outputs_fetched_in_this_order("tt", false);
}

static void an_output_that_was_not_written_is_empty(void) {
    context_t *context = new_context();
    uint8_t *taken = NULL;
    const uint8_t *lent = NULL;
    size_t size = 7;
    CHECK(imageflow_context_add_output_buffer(context, 1));
    CHECK(imageflow_context_add_output_buffer(context, 2));
    CHECK(imageflow_context_get_output_buffer_by_id(context, 1, &lent, &size));
    CHECK(lent != NULL && size == 0);
    size = 7;
    CHECK(imageflow_context_take_output_buffer(context, 2, &taken, &size));
    CHECK(taken != NULL && size == 0);
    CHECK(imageflow_buffer_free(taken, size));
    CHECK(draw(context, 20, 10, 1, LODEPNG) == 400); /* it was fetched: too late to write it */
    imageflow_context_destroy(context);
}

static void only_buffers_of_the_context_can_be_fetched(void) {
    picture_t picture = new_picture(LODEPNG);
    const struct {
        int32_t io_id;
        const char *text;
    } wrong[] = {{0, "ArgumentInvalid: InvalidArgument: "}, {9, "ArgumentInvalid: IoIdNotFound: "}};
    for (size_t i = 0; i < 2; i++) {
        for (int take = 0; take < 2; take++) {
            context_t *context = new_context();
            uint8_t *bytes = NULL;
            size_t size = 7;
            CHECK(add(context, 0, picture));
            CHECK(!(take ? imageflow_context_take_output_buffer(context, wrong[i].io_id, &bytes, &size)
                         : imageflow_context_get_output_buffer_by_id(
                               context, wrong[i].io_id, (const uint8_t **)&bytes, &size)));
            CHECK(bytes == NULL && size == 7);
            CHECK(text_begins(context, wrong[i].text));
            imageflow_context_destroy(context);
        }
    }
    free_picture(picture);
}

static void out_parameters_of_outputs_must_not_be_null(void) {
    for (int which = 0; which < 4; which++) {
        context_t *context = new_context();
        uint8_t *bytes = NULL;
        size_t size = 0;
        CHECK(imageflow_context_add_output_buffer(context, 1));
        switch (which) {
        case 0: CHECK(!imageflow_context_take_output_buffer(context, 1, NULL, &size)); break;
        case 1: CHECK(!imageflow_context_take_output_buffer(context, 1, &bytes, NULL)); break;
        case 2: CHECK(!imageflow_context_get_output_buffer_by_id(context, 1, NULL, &size)); break;
        case 3:
            CHECK(!imageflow_context_get_output_buffer_by_id(context, 1, (const uint8_t **)&bytes,
                                                             NULL));
        }
        CHECK(text_begins(context, "ArgumentInvalid: NullArgument: "));
        imageflow_context_destroy(context);
    }
}

/* ---- Inputs --------------------------------------------------------------------------- */

static int64_t decode_after_change(imageflow_lifetime lifetime) {
    picture_t picture = new_picture(LODEPNG);
    context_t *context = new_context();
    CHECK(imageflow_context_add_input_buffer(context, 0, picture.bytes, picture.size, lifetime));
    CHECK(imageflow_context_add_output_buffer(context, 1));
    memset(picture.bytes, 0, picture.size);
    int64_t status = execute(context, DECODE ",{\"encode\":{\"io_id\":1,\"preset\":\"gif\"}}");
    imageflow_context_destroy(context);
    free_picture(picture);
    return status;
}

static void an_input_is_copied_or_borrowed_as_asked(void) {
    CHECK(decode_after_change(imageflow_lifetime_lifetime_outlives_function_call) == 200);
    CHECK(decode_after_change(imageflow_lifetime_lifetime_outlives_context) == 400);
}

static void a_lifetime_that_is_none_is_refused(void) {
    picture_t picture = new_picture(LODEPNG);
    const int wrong[] = {2, -1, 1 << 30};
    for (size_t i = 0; i < 3; i++) {
        context_t *context = new_context();
        CHECK(!imageflow_context_add_input_buffer(context, 0, picture.bytes, picture.size,
                                                  (imageflow_lifetime)wrong[i]));
        CHECK(imageflow_context_error_code(context) == ARGUMENT_INVALID);
        imageflow_context_destroy(context);
    }
    free_picture(picture);
}

static void what_is_no_picture_is_refused(void) {
    const struct {
        const char *bytes;
        size_t size;
        int32_t code;
    } wrong[] = {{NULL, 0, ARGUMENT_INVALID},
                 {NULL, 9, ARGUMENT_INVALID},
                 {"", 0, MALFORMED},
                 {"<", 1, MALFORMED},
                 {"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", 41, MALFORMED},
                 {"\x89PNG", SIZE_MAX, ARGUMENT_INVALID}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        context_t *context = new_context();
        CHECK(!imageflow_context_add_input_buffer(
            context, 0, (const uint8_t *)wrong[i].bytes, wrong[i].size,
            imageflow_lifetime_lifetime_outlives_function_call));
        CHECK(imageflow_context_error_code(context) == wrong[i].code);
        CHECK(imageflow_context_error_as_http_code(context) == 400);
        imageflow_context_destroy(context);
    }
}

static void a_number_is_used_once(void) {
    picture_t picture = new_picture(LODEPNG);
    for (int first = 0; first < 2; first++) {
        for (int second = 0; second < 2; second++) {
            context_t *context = new_context();
            CHECK(first ? imageflow_context_add_output_buffer(context, INT32_MIN)
                        : add(context, INT32_MIN, picture));
            CHECK(!(second ? imageflow_context_add_output_buffer(context, INT32_MIN)
                           : add(context, INT32_MIN, picture)));
            CHECK(text_begins(context, "ArgumentInvalid: DuplicateIoId: "));
            imageflow_context_destroy(context);
        }
    }
    free_picture(picture);
}

/* ---- Requests and errors -------------------------------------------------------------- */

static void a_request_is_answered_in_json(void) {
    context_t *context = new_context();
    response_t *response =
        imageflow_context_send_json(context, "v1/get_version_info", (const uint8_t *)"{}", 2);
    int64_t status = 0;
    const uint8_t *json = NULL;
    size_t size = 0;
    CHECK(imageflow_json_response_read(context, response, &status, &json, &size));
    CHECK(status == 200 && size > 2 && json[0] == '{' && json[size - 1] == '}');
    CHECK(memchr(json, 0, size) == NULL);
    CHECK(imageflow_json_response_read(context, response, NULL, NULL, NULL));
    imageflow_context_destroy(context);
}

static void an_answer_is_freed_once(void) {
    context_t *context = new_context();
    CHECK(imageflow_json_response_destroy(context, NULL));
    response_t *response =
        imageflow_context_send_json(context, "v1/get_version_info", (const uint8_t *)"{}", 2);
    CHECK(response != NULL);
    CHECK(imageflow_json_response_destroy(context, (struct imageflow_json_response *)response));
    CHECK(!imageflow_json_response_destroy(context, (struct imageflow_json_response *)response));
    CHECK(!imageflow_context_has_error(context));
    CHECK(!imageflow_json_response_read(context, response, NULL, NULL, NULL));
    CHECK(text_begins(context, "ArgumentInvalid: InvalidArgument: "));
    imageflow_context_destroy(context);
}

static void an_answer_belongs_to_one_context(void) {
    context_t *mine = new_context(), *other = new_context();
    response_t *response =
        imageflow_context_send_json(mine, "v1/get_version_info", (const uint8_t *)"{}", 2);
    CHECK(!imageflow_json_response_destroy(other, (struct imageflow_json_response *)response));
    CHECK(!imageflow_json_response_read(other, response, NULL, NULL, NULL));
    CHECK(status_of(mine, response) == 200);
    imageflow_context_destroy(other);
    imageflow_context_destroy(mine);
}

static void no_answer_cannot_be_read(void) {
    context_t *context = new_context();
    CHECK(!imageflow_json_response_read(context, NULL, NULL, NULL, NULL));
    CHECK(text_begins(context, "ArgumentInvalid: NullArgument: "));
    imageflow_context_destroy(context);
}

static void a_request_without_its_arguments_has_no_answer(void) {
    const struct {
        const char *method, *json;
        const char *text;
    } wrong[] = {{NULL, "{}", "ArgumentInvalid: NullArgument: method"},
                 {"v1/\xff", "{}", "ArgumentInvalid: InvalidArgument: method"},
                 {"v1/execute", NULL, "ArgumentInvalid: NullArgument: json_buffer"}};
    for (size_t i = 0; i < 3; i++) {
        context_t *context = new_context();
        CHECK(imageflow_context_send_json(context, wrong[i].method,
                                          (const uint8_t *)wrong[i].json, 2) == NULL);
        CHECK(text_begins(context, wrong[i].text));
        imageflow_context_destroy(context);
    }
}

static void the_first_error_stays(void) {
    context_t *context = new_context();
    const uint8_t *bytes = NULL;
    size_t size = 0;
    CHECK(imageflow_context_add_output_buffer(context, 1));
    CHECK(draw(context, 20, 10, 1, LODEPNG) == 200);
    CHECK(send(context, "v1/get_image_info", "{\"io_id\": 3}") == 400);
    CHECK(text_begins(context, "ArgumentInvalid: IoIdNotFound: "));

    CHECK(send(context, "v1/get_version_info", "{}") == 400);
    CHECK(send(context, "v1/execute", "nonsense") == 400);
    CHECK(!imageflow_context_add_output_buffer(context, 2));
    CHECK(!imageflow_context_add_input_buffer(context, 4, NULL, 0, 0));
    CHECK(imageflow_context_memory_allocate(context, 16, __FILE__, __LINE__) == NULL);
    imageflow_context_request_cancellation(context);
    CHECK(!imageflow_context_error_recoverable(context));
    CHECK(!imageflow_context_error_try_clear(context));

    CHECK(text_begins(context, "ArgumentInvalid: IoIdNotFound: "));
    CHECK(imageflow_context_error_code(context) == ARGUMENT_INVALID);
    CHECK(imageflow_context_error_as_http_code(context) == 400);
    CHECK(imageflow_context_error_as_exit_code(context) == 64);
    CHECK(imageflow_context_get_output_buffer_by_id(context, 1, &bytes, &size) && size > 20);
    imageflow_context_destroy(context);
}

static void hostile_json_is_an_error_and_nothing_else(void) {
    const char *const requests[] = {
        "", " ", "{", "null", "7", "\"v1/execute\"", "[]", "\xef\xbb\xbf{}", "{\"a\":\"\xc3\xa9",
        "{\"framewise\":{\"steps\":[]}} {}", "{\"framewise\":{\"steps\":[\"\xff\"]}}",
        "{\"framewise\":{\"steps\":[\"\\ud800\"]}}", "{\"framewise\":{\"steps\":[\"flip_x\"]}}",
        "{\"framewise\":{\"steps\":[]},\"securty\":{}}",
        "{\"framewise\":{\"steps\":[{\"decode\":{\"io_id\":1e99}}]}}",
        "{\"framewise\":{\"steps\":[{\"decode\":{\"io_id\":0,\"command\":[]}}]}}",
        "{\"framewise\":{\"graph\":{\"nodes\":{\"a\":\"flip_v\"},\"edges\":[]}}}",
        "{\"framewise\":{\"graph\":{\"nodes\":{\"0\":\"flip_v\"},\"edges\":"
        "[{\"from\":0,\"to\":9,\"kind\":\"input\"}]}}}"};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        context_t *context = new_context();
        CHECK(send(context, "v1/execute", requests[i]) == 400);
        CHECK(imageflow_context_has_error(context));
        imageflow_context_destroy(context);
    }
    size_t deep = 1 << 20;
    char *brackets = malloc(deep);
    CHECK(brackets != NULL);
    memset(brackets, '[', deep);
    context_t *context = new_context();
    CHECK(imageflow_context_send_json(context, "v1/execute", (uint8_t *)brackets, deep) != NULL);
    CHECK(imageflow_context_error_code(context) == INVALID_JSON);
    imageflow_context_destroy(context);
    free(brackets);
}

static void a_request_has_at_most_64_mib(void) {
    size_t size = (64 << 20) + 1;
    char *spaces = malloc(size);
    CHECK(spaces != NULL);
    memset(spaces, ' ', size);
    memcpy(spaces, "{}", 2);
    for (int over = 0; over < 2; over++) {
        context_t *context = new_context();
        response_t *response = imageflow_context_send_json(
            context, "v1/get_version_info", (uint8_t *)spaces, size - 1 + (size_t)over);
        CHECK(status_of(context, response) == (over ? 400 : 200));
        imageflow_context_destroy(context);
    }
    free(spaces);
}

static void a_long_error_text_is_cut(void) {
    size_t size = 1 << 20;
    char *json = malloc(size + 1);
    CHECK(json != NULL);
    memset(json, 'x', size);
    memcpy(json, "{\"", 2);
    memcpy(json + size - 4, "\":1}", 5);
    context_t *context = new_context();
    CHECK(send(context, "v1/execute", json) == 400);
    CHECK(text_begins(context, "InvalidJson: Json: unknown field `xxx")); /* and fits 2 KiB */
    imageflow_context_destroy(context);
    free(json);
}

static void an_error_text_fits_or_is_cut(void) {
    context_t *context = new_context();
    char whole[2048], text[2048];
    size_t length = 0, written;
    CHECK(send(context, "v1/caf\xc3\xa9", "{}") == 400); /* so that the text has a two-byte character */
    CHECK(imageflow_context_error_write_to_buffer(context, whole, sizeof whole, &length));
    CHECK(length == strlen(whole) && length < 200);
    for (size_t room = 0; room < length + 3; room++) {
        memset(text, '#', sizeof text);
        written = 999;
        bool fits = imageflow_context_error_write_to_buffer(context, text, room, &written);
        CHECK(fits == (room > length));
        CHECK(text[room] == '#'); /* never beyond the room */
        if (room == 0) {
            CHECK(written == 0);
            continue;
        }
        CHECK(strlen(text) == written && written < room && memcmp(text, whole, written) == 0);
        CHECK(written + 2 >= (room > length ? length : room)); /* cut at most half a character */
    }
    CHECK(imageflow_context_error_write_to_buffer(context, text, sizeof text, NULL));
    CHECK(!imageflow_context_error_write_to_buffer(context, NULL, sizeof text, &written));
    CHECK(!imageflow_context_error_write_to_buffer(context, text, SIZE_MAX, &written));
    CHECK(!imageflow_context_error_write_to_buffer(NULL, NULL, 0, NULL));
    imageflow_context_destroy(context);
}

static void a_teapot_is_no_error(void) {
    context_t *context = new_context();
    CHECK(send(context, "v1/brew_coffee", "{}") == 418);
    CHECK(!imageflow_context_has_error(context));
    imageflow_context_destroy(context);
}

/* ---- Memory --------------------------------------------------------------------------- */

static void memory_is_zeroed_aligned_and_freed_once(void) {
    context_t *context = new_context();
    for (size_t size = 0; size < 5000; size = size * 3 + 1) {
        unsigned char *block = imageflow_context_memory_allocate(context, size, NULL, -1);
        CHECK(block != NULL && (uintptr_t)block % 16 == 0);
        for (size_t i = 0; i < size; i++) CHECK(block[i] == 0);
        memset(block, 0xff, size);
        CHECK(imageflow_context_memory_free(context, block, NULL, -1));
        CHECK(!imageflow_context_memory_free(context, block, NULL, -1));
    }
    CHECK(imageflow_context_memory_free(context, NULL, NULL, -1));
    CHECK(imageflow_context_memory_allocate(context, 100, __FILE__, __LINE__) != NULL);
    imageflow_context_destroy(context); /* which frees the last one */
}

static void memory_that_is_not_there_is_an_error(void) {
    context_t *context = new_context();
    CHECK(imageflow_context_memory_allocate(context, SIZE_MAX / 4, NULL, -1) == NULL);
    CHECK(imageflow_context_error_code(context) == OUT_OF_MEMORY);
    CHECK(imageflow_context_error_as_http_code(context) == 503);
    CHECK(imageflow_context_error_as_exit_code(context) == 71);
    imageflow_context_destroy(context);
    context = new_context();
    CHECK(imageflow_context_memory_allocate(context, SIZE_MAX / 2 + 1, NULL, -1) == NULL);
    CHECK(imageflow_context_error_code(context) == ARGUMENT_INVALID);
    imageflow_context_destroy(context);
}

/* ---- Threads -------------------------------------------------------------------------- */

/* Minutes of work, so that a test that is not heard of fails by the clock. */
static void *work_for_minutes(void *context) {
    size_t size = 1 << 17, used;
    char *json = malloc(size);
    CHECK(json != NULL);
    used = (size_t)snprintf(json, size, "{\"framewise\":{\"steps\":[" DRAW, 4000, 4000);
    for (int i = 0; i < 8000; i++)
        used += (size_t)snprintf(json + used, size - used, ",\"rotate_90\"");
    used += (size_t)snprintf(json + used, size - used, "," ENCODE "]}}", 1, LODEPNG);
    CHECK(used < size);
    int64_t status = send(context, "v1/execute", json);
    free(json);
    return (void *)(intptr_t)status;
}

/* Wait until the thread has worked for a while. */
static void wait_for_work(pthread_t thread) {
    clockid_t clock;
    struct timespec used;
    CHECK(pthread_getcpuclockid(thread, &clock) == 0);
    do {
        sched_yield();
        CHECK(clock_gettime(clock, &used) == 0);
    } while (used.tv_sec == 0 && used.tv_nsec < 100000000);
}

static void a_running_job_can_be_cancelled(void) {
    context_t *context = new_context();
    pthread_t worker;
    void *status;
    CHECK(imageflow_context_add_output_buffer(context, 1));
    CHECK(pthread_create(&worker, NULL, work_for_minutes, context) == 0);
    wait_for_work(worker);
    CHECK(!imageflow_context_has_error(context)); /* answered although the job runs */
    imageflow_context_request_cancellation(context);
    CHECK(imageflow_context_error_code(context) == CANCELLED);
    CHECK(pthread_join(worker, &status) == 0);
    CHECK((intptr_t)status == 499);
    CHECK(imageflow_context_error_as_http_code(context) == 499);
    CHECK(imageflow_context_error_as_exit_code(context) == 130);
    imageflow_context_destroy(context);
}

static void *wait_for_the_job(void *context) {
    return imageflow_context_add_output_buffer(context, 2) ? context : NULL;
}

static void who_waits_for_a_job_hinders_nobody(void) {
    context_t *context = new_context();
    pthread_t worker, waiter;
    void *status, *added;
    char text[100];
    CHECK(imageflow_context_add_output_buffer(context, 1));
    CHECK(pthread_create(&worker, NULL, work_for_minutes, context) == 0);
    wait_for_work(worker);
    CHECK(pthread_create(&waiter, NULL, wait_for_the_job, context) == 0);
    for (int i = 0; i < 1000; i++) {
        CHECK(!imageflow_context_has_error(context));
        CHECK(imageflow_context_error_write_to_buffer(context, text, sizeof text, NULL));
        CHECK(imageflow_json_response_destroy(context, NULL));
        CHECK(imageflow_context_memory_allocate(context, 1, NULL, -1) != NULL);
        sched_yield();
    }
    imageflow_context_request_cancellation(context);
    CHECK(pthread_join(worker, &status) == 0 && (intptr_t)status == 499);
    CHECK(pthread_join(waiter, &added) == 0 && added == NULL); /* the context had failed by then */
    imageflow_context_destroy(context);
}

static void a_cancelled_context_does_nothing_more(void) {
    context_t *context = new_context();
    CHECK(imageflow_context_add_output_buffer(context, 1));
    imageflow_context_request_cancellation(context);
    imageflow_context_request_cancellation(context);
    CHECK(draw(context, 20, 10, 1, LODEPNG) == 499);
    CHECK(!imageflow_context_add_output_buffer(context, 2));
    CHECK(imageflow_context_error_code(context) == CANCELLED);
    CHECK(text_begins(context, "OperationCancelled: OperationCancelled: "));
    imageflow_context_destroy(context);
}

static const char *const PRESETS[] = {
    LODEPNG, "{\"libpng\":{}}", "{\"pngquant\":{}}", "{\"mozjpeg\":{\"quality\":80}}",
    "{\"libjpegturbo\":{\"quality\":80}}", "{\"webplossy\":{\"quality\":80}}", "\"webplossless\"",
    "\"gif\""};
enum { PRESET_COUNT = sizeof PRESETS / sizeof *PRESETS };

static void *all_presets(void *first) {
    picture_t *pictures = first;
    for (int i = 0; i < PRESET_COUNT; i++) pictures[i] = new_picture(PRESETS[i]);
    return NULL;
}

static void eight_threads_with_a_context_each_do_not_disturb_each_other(void) {
    enum { THREADS = 8 };
    static picture_t pictures[THREADS][PRESET_COUNT];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, all_presets, pictures[i]) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < THREADS; i++) {
        for (int p = 0; p < PRESET_COUNT; p++) {
            CHECK(pictures[i][p].size == pictures[0][p].size);
            CHECK(memcmp(pictures[i][p].bytes, pictures[0][p].bytes, pictures[0][p].size) == 0);
        }
    }
    for (int i = 0; i < THREADS; i++)
        for (int p = 0; p < PRESET_COUNT; p++) free_picture(pictures[i][p]);
}

static void *round_trips(void *unused) {
    for (int i = 0; i < PRESET_COUNT; i++) {
        picture_t picture = new_picture(PRESETS[i]);
        for (int j = 0; j < PRESET_COUNT; j++) {
            context_t *context = new_context();
            char steps[1024];
            CHECK(add(context, 0, picture));
            CHECK(imageflow_context_add_output_buffer(context, 1));
            snprintf(steps, sizeof steps,
                     DECODE ",{\"constrain\":{\"mode\":\"within\",\"w\":30,\"h\":30}}," ENCODE, 1,
                     PRESETS[j]);
            CHECK(execute(context, steps) == 200);
            imageflow_context_destroy(context);
        }
        free_picture(picture);
    }
    return unused;
}

static void jobs_run_on_a_stack_of_256_kib(void) {
    pthread_t thread;
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, 256 << 10) == 0);
    CHECK(pthread_create(&thread, &attributes, round_trips, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* ---- What needs a process of its own -------------------------------------------------- */

/* Run this in a child with its standard error in *text*; gives the child's wait status. */
static int in_a_child(void (*body)(int), int argument, char *text, size_t room) {
    int ends[2], status;
    size_t used = 0;
    ssize_t got;
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        body(argument);
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], text + used, room - 1 - used)) > 0) used += (size_t)got;
    text[used] = '\0';
    close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

enum { FUNCTIONS_WITH_A_CONTEXT = 19 };

static void call_with_null_context(int which) {
    char text[8];
    size_t size;
    uint8_t *bytes;
    switch (which) {
    case 0: imageflow_context_begin_terminate(NULL); break;
    case 1: imageflow_context_has_error(NULL); break;
    case 2: imageflow_context_error_recoverable(NULL); break;
    case 3: imageflow_context_error_try_clear(NULL); break;
    case 4: imageflow_context_error_code(NULL); break;
    case 5: imageflow_context_error_as_exit_code(NULL); break;
    case 6: imageflow_context_error_as_http_code(NULL); break;
    case 7: imageflow_context_error_write_to_buffer(NULL, text, sizeof text, NULL); break;
    case 8: imageflow_context_print_and_exit_if_error(NULL); break;
    case 9: imageflow_context_send_json(NULL, NULL, NULL, 0); break;
    case 10: imageflow_json_response_read(NULL, NULL, NULL, NULL, NULL); break;
    case 11: imageflow_json_response_destroy(NULL, NULL); break;
    case 12: imageflow_context_add_input_buffer(NULL, 0, NULL, 0, 0); break;
    case 13: imageflow_context_add_output_buffer(NULL, 0); break;
    case 14: imageflow_context_get_output_buffer_by_id(NULL, 0, NULL, NULL); break;
    case 15: imageflow_context_take_output_buffer(NULL, 0, &bytes, &size); break;
    case 16: imageflow_context_memory_allocate(NULL, 1, NULL, -1); break;
    case 17: imageflow_context_memory_free(NULL, NULL, NULL, -1); break;
    case 18: imageflow_context_request_cancellation(NULL); break;
    }
}

static void a_null_context_aborts_with_a_message(void) {
    for (int which = 0; which < FUNCTIONS_WITH_A_CONTEXT; which++) {
        char text[512];
        int status = in_a_child(call_with_null_context, which, text, sizeof text);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        CHECK(strstr(text, "NULL context") != NULL);
    }
}

static void print_and_exit(int with_error) {
    context_t *context = new_context();
    if (with_error) send(context, "v1/no_such_endpoint", "{}");
    imageflow_context_print_and_exit_if_error(context);
    _exit(7);
}

static void an_error_can_be_printed_and_end_the_process(void) {
    char text[2048];
    int status = in_a_child(print_and_exit, 1, text, sizeof text);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 64);
    CHECK(strncmp(text, "ArgumentInvalid: InvalidMessageEndpoint: ", 41) == 0);
    status = in_a_child(print_and_exit, 0, text, sizeof text);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7 && text[0] == '\0');
}

static void encode_all(int unused) {
    (void)unused;
    round_trips(NULL);
}

static void a_forked_child_can_go_on(void) {
    char text[2048];
    encode_all(0);
    int status = in_a_child(encode_all, 0, text, sizeof text);
    if (text[0] != '\0') fprintf(stderr, "child: %s\n", text);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0 && text[0] == '\0');
}

static void failures(int unused) {
    (void)unused;
    the_first_error_stays();
    hostile_json_is_an_error_and_nothing_else();
    what_is_no_picture_is_refused();
}

static void failures_print_nothing(void) {
    char text[2048];
    int status = in_a_child(failures, 0, text, sizeof text);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0 && text[0] == '\0');
}

/* ---- The table ------------------------------------------------------------------------ */

#define CASE(name, alone) {#name, name, alone}

static const struct {
    const char *name;
    void (*run)(void);
    bool alone; /* forks, or works for long: not for valgrind */
} CASES[] = {
    CASE(the_version_is_3_2, false),
    CASE(a_context_is_made_for_compatible_callers_only, false),
    CASE(a_new_context_has_no_error, false),
    CASE(the_end_can_begin_early, false),
    CASE(a_taken_output_outlives_its_context, false),
    CASE(a_lent_output_stays_where_it_is, false),
    CASE(an_output_is_taken_once_and_not_after_it_was_lent, false),
    CASE(an_output_that_was_not_written_is_empty, false),
    CASE(only_buffers_of_the_context_can_be_fetched, false),
    CASE(out_parameters_of_outputs_must_not_be_null, false),
    CASE(an_input_is_copied_or_borrowed_as_asked, false),
    CASE(a_lifetime_that_is_none_is_refused, false),
    CASE(what_is_no_picture_is_refused, false),
    CASE(a_number_is_used_once, false),
    CASE(a_request_is_answered_in_json, false),
    CASE(an_answer_is_freed_once, false),
    CASE(an_answer_belongs_to_one_context, false),
    CASE(no_answer_cannot_be_read, false),
    CASE(a_request_without_its_arguments_has_no_answer, false),
    CASE(the_first_error_stays, false),
    CASE(hostile_json_is_an_error_and_nothing_else, false),
    CASE(a_request_has_at_most_64_mib, false),
    CASE(a_long_error_text_is_cut, false),
    CASE(an_error_text_fits_or_is_cut, false),
    CASE(a_teapot_is_no_error, false),
    CASE(memory_is_zeroed_aligned_and_freed_once, false),
    CASE(memory_that_is_not_there_is_an_error, false),
    CASE(a_cancelled_context_does_nothing_more, false),
    CASE(eight_threads_with_a_context_each_do_not_disturb_each_other, false),
    CASE(a_running_job_can_be_cancelled, true),
    CASE(who_waits_for_a_job_hinders_nobody, true),
    CASE(jobs_run_on_a_stack_of_256_kib, true),
    CASE(a_null_context_aborts_with_a_message, true),
    CASE(an_error_can_be_printed_and_end_the_process, true),
    CASE(a_forked_child_can_go_on, true),
    CASE(failures_print_nothing, true),
};

int main(int count, char **arguments) {
    const char *wanted = count == 2 ? arguments[1] : "";
    int ran = 0;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        if (strcmp(wanted, "--list") == 0) {
            puts(CASES[i].name);
            ran++;
        } else if (strcmp(wanted, CASES[i].name) == 0 ||
                   (strcmp(wanted, "all") == 0 && !CASES[i].alone)) {
            alarm(300); /* a case that hangs is killed */
            CASES[i].run();
            ran++;
        }
    }
    if (ran == 0) fprintf(stderr, "usage: abi --list | all | NAME\n");
    return ran == 0 ? 2 : 0;
}
