/* Tasks in C: what they are for is parsers of bytes that nobody trusts. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"

/* ── word_count: the same task in two codecs ────────────────────────────────────────────────────────────────────── */

static bool is_space(uint32_t letter) {
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

/* Counts as the text goes by, one letter after another. */
typedef struct {
    uint64_t words;
    bool inside;
} counter;

static void count(counter *counter, uint32_t letter) {
    bool inside = !is_space(letter);
    counter->words += inside && !counter->inside;
    counter->inside = inside;
}

static bool number(answer *answer, uint64_t number) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    return value(answer, digits, (size_t)length);
}

static bool word_count_raw(bytes text, answer *answer) {
    counter counter = {0};
    for (size_t i = 0; i < text.length; i++) count(&counter, text.at[i]);
    LOG(DEBUG, "%" PRIu64 " words in %zu bytes", counter.words, text.length);
    return number(answer, counter.words);
}

/* A place in JSON text. */
typedef struct {
    bytes text;
    size_t at;
} reader;

static bool take(reader *reader, char expected) {
    if (reader->at == reader->text.length || reader->text.at[reader->at] != (uint8_t)expected) return false;
    reader->at++;
    return true;
}

static void skip_space(reader *reader) {
    while (take(reader, ' ') || take(reader, '\t') || take(reader, '\n') || take(reader, '\r')) {}
}

static bool take_hexadecimal(reader *reader, uint32_t *letter) {
    *letter = 0;
    for (int i = 0; i < 4; i++) {
        if (reader->at == reader->text.length) return false;
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *found = memchr(digits, reader->text.at[reader->at++], 32);
        if (found == NULL) return false;
        *letter = *letter * 16 + (uint32_t)((found - digits) % 16);
    }
    return true;
}

/* What follows a backslash. */
static bool take_escape(reader *reader, uint32_t *letter) {
    static const char names[] = "\"\\/bfnrt", letters[] = "\"\\/\b\f\n\r\t";
    if (take(reader, 'u')) return take_hexadecimal(reader, letter);
    for (size_t i = 0; i < sizeof names - 1; i++) {
        if (take(reader, names[i])) {
            *letter = (uint32_t)letters[i];
            return true;
        }
    }
    return false;
}

/* Counts the words of a JSON string. */
static bool count_string(reader *reader, counter *counter) {
    if (!take(reader, '"')) return false;
    while (!take(reader, '"')) {
        if (reader->at == reader->text.length) return false;
        uint32_t letter = reader->text.at[reader->at++];
        if (letter < ' ') return false;
        if (letter == '\\' && !take_escape(reader, &letter)) return false;
        count(counter, letter);
    }
    return true;
}

/* The arguments are an array; this task has one, a string. */
static bool word_count_json(bytes argument, answer *answer) {
    reader reader = {argument, 0};
    counter counter = {0};
    skip_space(&reader);
    bool ok = take(&reader, '[');
    skip_space(&reader);
    ok = ok && count_string(&reader, &counter);
    skip_space(&reader);
    ok = ok && take(&reader, ']');
    skip_space(&reader);
    if (!ok || reader.at != argument.length) {
        return wrong_argument(answer, "expected one string, at byte %zu of %zu", reader.at, argument.length);
    }
    return number(answer, counter.words);
}

/* ── png_size: fails in words ───────────────────────────────────────────────────────────────────────────────────── */

static uint32_t big_endian(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

static uint32_t checksum(const uint8_t *at, size_t length) {
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        sum ^= at[i];
        for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (0xedb88320u & -(sum & 1));
    }
    return ~sum;
}

/* One chunk: length, name of four letters, data, checksum of name and data. */
typedef struct {
    uint32_t length;
    const uint8_t *name;
    const uint8_t *data;
} chunk;

/* Fails, from the whole to the part that is wrong. */
static bool damaged(answer *answer, size_t index, size_t offset) {
    because(answer, "chunk %zu, at byte %zu", index, offset);
    return failure(answer, "the PNG file is damaged");
}

/* Takes the chunk at an offset; a failure says why there is none. */
static bool take_chunk(bytes file, size_t index, size_t offset, chunk *chunk, answer *answer) {
    enum { AROUND = 12 };
    size_t left = file.length - offset;
    if (left < AROUND) {
        damaged(answer, index, offset);
        because(answer, "a chunk takes %d bytes beside its data, and %zu are left", AROUND, left);
        return false;
    }
    chunk->length = big_endian(file.at + offset);
    chunk->name = file.at + offset + 4;
    chunk->data = file.at + offset + 8;
    if (chunk->length > left - AROUND) {
        damaged(answer, index, offset);
        because(answer, "it says that it has %" PRIu32 " bytes, and %zu are left", chunk->length, left - AROUND);
        return false;
    }
    uint32_t said = big_endian(chunk->data + chunk->length), found = checksum(chunk->name, chunk->length + 4);
    if (said != found) {
        damaged(answer, index, offset);
        because(answer, "it says that its checksum is %08" PRIx32 ", and it is %08" PRIx32, said, found);
        return false;
    }
    return true;
}

static bool png_size(bytes file, answer *answer) {
    static const uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    if (file.length < sizeof signature || memcmp(file.at, signature, sizeof signature) != 0) {
        return failure(answer, "this is no PNG file: it does not begin as one");
    }
    uint32_t width = 0, height = 0;
    size_t offset = sizeof signature;
    for (size_t index = 0;; index++) {
        chunk chunk;
        if (!take_chunk(file, index, offset, &chunk, answer)) return false;
        if (index == 0) {
            if (memcmp(chunk.name, "IHDR", 4) != 0 || chunk.length != 13) {
                damaged(answer, index, offset);
                because(answer, "it is the first one, and no header of 13 bytes");
                return false;
            }
            width = big_endian(chunk.data);
            height = big_endian(chunk.data + 4);
        }
        if (memcmp(chunk.name, "IEND", 4) == 0) break;
        offset += (size_t)chunk.length + 12;
    }
    LOG(INFO, "%zu bytes of a PNG file are sound", file.length);
    char size[32];
    int length = snprintf(size, sizeof size, "%" PRIu32 "x%" PRIu32, width, height);
    return value(answer, size, (size_t)length);
}

/* ── record: what a bug of C comes to ───────────────────────────────────────────────────────────────────────────── */

static bool record(bytes file, answer *answer) {
    assert(file.length >= 4);
    /* The bug: nobody asks whether the length is true. It gives away what lies behind the file, as Heartbleed did; but
     * nothing lies there that is not this task's own. */
    return value(answer, file.at + 4, big_endian(file.at));
}

/* ── The module ─────────────────────────────────────────────────────────────────────────────────────────────────── */

const task tasks[] = {
    {
        .name = "word_count",
        .signature = "uint64_t word_count(const char *text)",
        .docs = "Counts the words of a text: what stands between white space.",
        .json = word_count_json,
        .raw = word_count_raw,
    },
    {
        .name = "png_size",
        .signature = "const char *png_size(bytes file)",
        .docs = "Width and height of a PNG file, as `640x480`. Every chunk is checked.",
        .raw = png_size,
    },
    {
        .name = "record",
        .signature = "bytes record(bytes file)",
        .docs = "The bytes behind a length of four bytes. It has a bug on purpose: it believes the length.",
        .raw = record,
    },
};

const size_t task_count = sizeof tasks / sizeof tasks[0];
