/* A component in C without bindings and without isopool's contract: the functions of texts.wit, as the canonical ABI has them.
 * `wit-bindgen c` would write what stands here above the functions; for three of them it is this. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name("example:texts/measure@1.0.0#" name)))

/* What the host calls to put arguments into this memory; it is freed by us. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old_size;
    if (size == 0) return (void *)align;
    void *memory = realloc(old, size);
    if (memory == NULL) abort();
    return memory;
}

/* A value that does not fit into one register is returned by its address; these are read before the next call. */
typedef struct {
    const char *at;
    size_t length;
} text;

typedef struct {
    uint32_t lines, words;
    uint64_t bytes;
} counts;

typedef struct {
    uint8_t some;
    text value;
} optional_text;

typedef struct {
    uint8_t failed;
    union {
        double mean;
        text why;
    } value;
} mean_or_text;

static bool is_space(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The next word from an offset on; of length 0 behind the last one. */
static text next_word(const char *at, size_t length, size_t offset) {
    while (offset < length && is_space(at[offset])) offset++;
    size_t end = offset;
    while (end < length && !is_space(at[end])) end++;
    return (text){at + offset, end - offset};
}

EXPORT("count") counts *count(char *at, size_t length) {
    static counts found;
    found = (counts){.bytes = length};
    for (text word = next_word(at, length, 0); word.length > 0;
         word = next_word(at, length, (size_t)(word.at - at) + word.length)) {
        found.words++;
    }
    for (size_t i = 0; i < length; i++) found.lines += at[i] == '\n';
    found.lines += length > 0 && at[length - 1] != '\n';
    free(length > 0 ? at : NULL);
    return &found;
}

EXPORT("word-at") optional_text *word_at(char *at, size_t length, uint32_t place) {
    static optional_text found;
    text word = next_word(at, length, 0);
    while (word.length > 0 && place-- > 0) word = next_word(at, length, (size_t)(word.at - at) + word.length);
    found = (optional_text){word.length > 0, {NULL, word.length}};
    if (word.length > 0) {
        char *copy = cabi_realloc(NULL, 0, 1, word.length);
        memcpy(copy, word.at, word.length);
        found.value.at = copy;
    }
    free(length > 0 ? at : NULL);
    return &found;
}

/* Called by the host when it has read the value. */
__attribute__((export_name("cabi_post_example:texts/measure@1.0.0#word-at"))) void word_at_read(optional_text *found) {
    if (found->some) free((void *)found->value.at);
}

EXPORT("mean") mean_or_text *mean(double *numbers, size_t length) {
    static mean_or_text answer;
    static const char why[] = "no numbers have no mean";
    double sum = 0;
    for (size_t i = 0; i < length; i++) sum += numbers[i];
    if (length == 0) {
        answer = (mean_or_text){.failed = 1, .value.why = {why, sizeof why - 1}};
    } else {
        answer = (mean_or_text){.failed = 0, .value.mean = sum / (double)length};
    }
    free(length > 0 ? numbers : NULL);
    return &answer;
}
