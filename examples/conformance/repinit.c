/* One block of DPA-2, computed from files: repinit's switch and environment matrix (specification section 2).

       cc -O2 -o repinit repinit.c -lm
       dpa2 check --command "./repinit {inputs} {outputs}"

   Both files are safetensors: the length of a header as 8 bytes (little-endian), the header in JSON, the numbers of all
   arrays. README.md beside this program says what is in them. Add the next block, write its intermediates too, and
   `dpa2 check` says whether they are right. */

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *where = "usage"; /* the file at hand, for messages */

static void fail(const char *format, ...) {
    va_list facts;
    va_start(facts, format);
    fprintf(stderr, "repinit: %s: ", where);
    vfprintf(stderr, format, facts);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

static void *memory(size_t bytes) {
    void *block = bytes < SIZE_MAX ? calloc(bytes + 1, 1) : NULL; /* one more: text ends with a zero */
    if (!block) fail("%zu bytes do not fit into memory", bytes);
    return block;
}

/* ---- JSON: a value is a pointer to its first character, in text that ends with a zero ---- */

static const char *space(const char *p) { return p + strspn(p, " \t\r\n"); }

/* What follows a value: a string, a number or word, or all between two brackets. */
static const char *after(const char *p) {
    size_t depth = 0;
    if (!*p || strchr(",:]}", *p)) fail("the JSON is broken: a value is missing");
    do {
        p = space(p);
        if (*p == '"') {
            for (p++; *p && *p != '"'; p++)
                if (*p == '\\' && p[1]) p++;
            if (!*p++) fail("the JSON is broken: a string does not end");
        } else if (!*p) {
            fail("the JSON is broken: a bracket is not closed");
        } else if (strchr("[{]},:", *p)) {
            depth += strchr("[{", *p) ? 1 : 0;
            depth -= strchr("]}", *p++) ? 1 : 0;
        } else {
            p += strcspn(p, " \t\r\n[{]},:\"");
        }
    } while (depth);
    return space(p);
}

/* The elements of an array, one after another; NULL after the last one. */
static const char *first(const char *p) {
    if (*p != '[') fail("the JSON is broken: an array is wanted");
    p = space(p + 1);
    return *p == ']' ? NULL : p;
}

static const char *next(const char *p) {
    p = after(p);
    if (*p != ',' && *p != ']') fail("the JSON is broken: an array does not end");
    return *p == ',' ? space(p + 1) : NULL;
}

/* The value that an object has for a key. */
static const char *member(const char *p, const char *key) {
    size_t length = strlen(key);
    if (*p != '{') fail("the JSON is broken: an object is wanted, with \"%s\" in it", key);
    for (p = space(p + 1); *p == '"'; p = *p == ',' ? space(p + 1) : p) {
        int found = !strncmp(p + 1, key, length) && p[length + 1] == '"';
        p = after(p);
        if (*p != ':') fail("the JSON is broken: a key has no value");
        p = space(p + 1);
        if (found) return p;
        p = after(p);
    }
    fail("there is no \"%s\"", key);
    return NULL;
}

static double number(const char *p) {
    char *end;
    double value = strtod(p, &end);
    if (end == p || !isfinite(value)) fail("the JSON is broken: a number is wanted");
    return value;
}

static size_t size(const char *p) {
    double value = p ? number(p) : -1;
    if (!(value >= 0 && value < 1e15) || value != floor(value)) fail("the JSON is broken: a size is wanted");
    return (size_t)value;
}

/* The text that a string stands for; characters given by number (\u....) do not matter here. */
static char *unescaped(const char *p) {
    const char *end = after(p);
    char *text = memory((size_t)(end - p)), *out = text;
    if (*p != '"') fail("the JSON is broken: a string is wanted");
    for (p++; *p != '"'; p++) {
        const char *letter = *p == '\\' ? strchr("n\nt\tr\rb\bf\f", *++p) : NULL;
        *out++ = letter && letter[1] > 0 && letter[1] < ' ' ? letter[1] : *p;
    }
    return text;
}

/* ---- safetensors: numbers of 8 bytes, little-endian whatever the machine is ---- */

typedef union {
    uint64_t bits;
    int64_t index;
    double real;
} Number;

typedef struct {
    char *header;
    const unsigned char *data;
    size_t bytes; /* of the data */
} File;

static uint64_t load(const unsigned char *p) {
    uint64_t bits = 0;
    for (int k = 8; k--;) bits = bits << 8 | p[k];
    return bits;
}

static void store(FILE *stream, uint64_t bits) {
    for (int k = 0; k < 8; k++) fputc((int)(bits >> 8 * k & 255), stream);
}

static File opened(const char *path) {
    FILE *stream = fopen(path, "rb");
    if (!stream || fseek(stream, 0, SEEK_END) || ftell(stream) < 0) fail("cannot be read");
    size_t bytes = (size_t)ftell(stream);
    unsigned char *all = memory(bytes);
    rewind(stream);
    if (fread(all, 1, bytes, stream) != bytes) fail("cannot be read");
    fclose(stream);
    if (bytes < 8 || load(all) > bytes - 8) fail("is cut short, or no safetensors file: the header does not fit in");
    size_t length = (size_t)load(all);
    File file = {memory(length), all + 8 + length, bytes - 8 - length};
    memcpy(file.header, all + 8, length);
    return file;
}

/* The numbers of an array, which must have this dtype and shape; a size of ANY is found out. */
enum { ANY = -1 };

static Number *array(File file, const char *name, const char *dtype, int axes, int64_t shape[]) {
    const char *about = member(file.header, name), *kind = member(about, "dtype");
    const char *axis = first(member(about, "shape")), *offset = first(member(about, "data_offsets"));
    size_t count = 1, begin = size(offset), end = size(next(offset));
    if (strncmp(kind + 1, dtype, 3)) fail("%s is not of type %s", name, dtype);
    for (int k = 0; k < axes; k++, axis = next(axis)) {
        if (!axis) fail("%s has too few axes", name);
        if (shape[k] == ANY) shape[k] = (int64_t)size(axis);
        if (size(axis) != (size_t)shape[k]) fail("axis %d of %s should be %lld long", k, name, (long long)shape[k]);
        if (shape[k] && count > file.bytes / (size_t)shape[k]) fail("%s is larger than the file", name);
        count *= (size_t)shape[k];
    }
    if (axis) fail("%s has too many axes", name);
    if (end < begin || end - begin != 8 * count || end > file.bytes)
        fail("the numbers of %s are not all there: the file is cut short, or its header is wrong", name);
    Number *numbers = memory(count * sizeof(Number));
    for (size_t k = 0; k < count; k++) numbers[k].bits = load(file.data + begin + 8 * k);
    return numbers;
}

/* ---- the block ---- */

/* w(r) = 1 + u^3 (-6 u^2 + 15 u - 10): 1 up to the inner cutoff, 0 from the outer one. */
static double switched(double r, double inner, double cutoff) {
    double u = (fmin(fmax(r, inner), cutoff) - inner) / (cutoff - inner);
    return 1.0 + u * u * u * (-6.0 * u * u + 15.0 * u - 10.0);
}

/* R = (w (1 / (r + p), d / (r + p)^2) - mean) / std, with the statistics of the centre's type. */
static void environment(const Number d[3], double w, double protection, const Number *mean, const Number *std,
                        Number row[4]) {
    double a = 1.0 / (sqrt(d[0].real * d[0].real + d[1].real * d[1].real + d[2].real * d[2].real) + protection);
    for (int k = 0; k < 4; k++) row[k].real = ((k ? w * a * a * d[k - 1].real : w * a) - mean[k].real) / std[k].real;
}

/* Whether the descriptor does not see a pair of types, in either order (section 2.5). */
static int excluded(const char *pairs, int64_t one, int64_t other) {
    for (const char *pair = first(pairs); pair; pair = next(pair)) {
        const char *a = first(pair), *b = a ? next(a) : NULL;
        int64_t s = (int64_t)size(a), t = (int64_t)size(b);
        if ((s == one && t == other) || (s == other && t == one)) return 1;
    }
    return 0;
}

static void write(FILE *stream, const char *header, const Number *sw, size_t slots, const Number *env_mat) {
    store(stream, strlen(header));
    fputs(header, stream);
    for (size_t k = 0; k < slots; k++) store(stream, sw[k].bits);
    for (size_t k = 0; k < 4 * slots; k++) store(stream, env_mat[k].bits);
    if (ferror(stream) || fclose(stream)) fail("cannot be written");
}

int main(int argc, char **argv) {
    if (argc != 3) fail("repinit INPUTS OUTPUTS");
    where = argv[1];
    File file = opened(argv[1]);
    const char *config = unescaped(member(member(space(file.header), "__metadata__"), "config"));
    const char *repinit = member(config, "repinit"), *pairs = member(config, "excluded_pairs");
    double inner = number(member(repinit, "inner_cutoff")), cutoff = number(member(repinit, "cutoff"));
    double protection = number(member(config, "protection"));
    if (!(inner < cutoff)) fail("the inner cutoff is not smaller than the cutoff");

    int64_t shape[3] = {ANY, ANY, 3}, table[2] = {ANY, 4};
    Number *types = array(file, "input/types", "I64", 1, shape); /* from here on the number of atoms is known */
    Number *near = array(file, "trace/nlist/ri_local", "I64", 2, shape); /* and the number of slots */
    Number *d = array(file, "trace/nlist/ri_vector", "F64", 3, shape);
    Number *mean = array(file, "model/descriptor.repinit.environment.mean", "F64", 2, table);
    Number *std = array(file, "model/descriptor.repinit.environment.std", "F64", 2, table);
    size_t atoms = (size_t)shape[0], width = (size_t)shape[1], slots = atoms * width;
    for (size_t i = 0; i < atoms; i++)
        if (types[i].index >= table[0]) fail("atom %zu is of a type that the model does not know", i);

    Number *sw = memory(slots * sizeof(Number)), *env_mat = memory(4 * slots * sizeof(Number));
    for (size_t slot = 0; slot < slots; slot++) {
        int64_t type = types[slot / width].index, j = near[slot].index;
        if (j < 0) continue; /* an empty slot */
        if (j >= shape[0] || type < 0 || types[j].index < 0) fail("atom %zu has a neighbour that cannot be", slot / width);
        if (excluded(pairs, type, types[j].index)) continue;
        const Number *v = d + 3 * slot;
        sw[slot].real = switched(sqrt(v[0].real * v[0].real + v[1].real * v[1].real + v[2].real * v[2].real), inner, cutoff);
        environment(v, sw[slot].real, protection, mean + 4 * type, std + 4 * type, env_mat + 4 * slot);
    }

    char header[400];
    snprintf(header, sizeof header,
             "{\"repinit/sw\":{\"dtype\":\"F64\",\"shape\":[%zu,%zu],\"data_offsets\":[0,%zu]},"
             "\"repinit/env_mat\":{\"dtype\":\"F64\",\"shape\":[%zu,%zu,4],\"data_offsets\":[%zu,%zu]}}",
             atoms, width, 8 * slots, atoms, width, 8 * slots, 40 * slots);
    where = argv[2];
    FILE *stream = fopen(argv[2], "wb");
    if (!stream) fail("cannot be written");
    write(stream, header, sw, slots, env_mat);
    return EXIT_SUCCESS;
}
