/* One block of DPA-2, computed from files: the switch and the environment matrix of repinit (specification section 2).

       cc -O2 -o repinit repinit.c -lm
       dpa2 check --command "./repinit {inputs} {outputs}"

   Both files are safetensors: the length of a header as 8 bytes (little-endian), the header in JSON, the numbers of all
   arrays. README.md beside this program says what is in them. Compute the next block, write its intermediates too, and
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
    void *block = calloc(bytes + 1, 1); /* one more: text ends with a zero */
    if (!block) fail("%zu bytes do not fit into memory", bytes);
    return block;
}

/* JSON. A value is a pointer to its first character, in text that ends with a zero. */

static const char *space(const char *p) { return p + strspn(p, " \t\r\n"); }

/* Return the end of a value: a string, a number, a word, or everything up to the closing bracket. */
static const char *after(const char *p) {
    long depth = 0;
    if (strchr(",:]}", *p)) fail("broken JSON, a value is missing"); /* or the text is at its end */
    do {
        p = space(p);
        if (!*p) fail("broken JSON, a bracket is not closed");
        if (*p == '"') {
            for (p++; *p && *p != '"'; p++) p += *p == '\\' && p[1];
            if (!*p++) fail("broken JSON, a string does not end");
        } else if (strchr("[]{}", *p)) {
            depth += strchr("[{", *p++) ? 1 : -1;
        } else {
            p += strchr(",:", *p) ? 1 : strcspn(p, " \t\r\n,:[]{}\"");
        }
    } while (depth);
    return space(p);
}

/* The value that an object has for a key. */
static const char *member(const char *p, const char *key) {
    size_t length = strlen(key);
    if (*p != '{') fail("broken JSON, an object with \"%s\" in it is wanted", key);
    for (p = space(p + 1); *p == '"'; p = *p == ',' ? space(p + 1) : p) {
        int found = !strncmp(p + 1, key, length) && p[length + 1] == '"';
        p = after(p);
        if (*p != ':') fail("broken JSON, a key has no value");
        const char *value = space(p + 1);
        p = after(value);
        if (found) return value;
    }
    fail(*p == '}' ? "there is no \"%s\"" : "broken JSON, an object ends before \"%s\"", key);
    return NULL;
}

/* The elements of an array one after another; NULL after the last. */
static const char *first(const char *p) {
    if (*p != '[') fail("broken JSON, an array is wanted");
    p = space(p + 1);
    return *p == ']' ? NULL : p;
}

static const char *next(const char *p) {
    p = after(p);
    if (!*p || !strchr(",]", *p)) fail("broken JSON, an array does not end");
    return *p == ',' ? space(p + 1) : NULL;
}

static double number(const char *p) {
    char *end = NULL;
    double value = p ? strtod(p, &end) : 0.0;
    if (end == p || !isfinite(value)) fail("broken JSON, a number is wanted");
    return value;
}

static size_t size(const char *p) {
    double value = number(p);
    if (value < 0.0 || value > INT32_MAX || value != floor(value)) fail("broken JSON, a size is wanted");
    return (size_t)value;
}

/* The text that a string stands for; here it is JSON again, in which control characters are but space. */
static const char *unescaped(const char *p) {
    char *text = memory(strlen(p)), *out = text;
    if (*p != '"') fail("broken JSON, a string is wanted");
    for (p++; *p != '"'; p++) {
        int escape = *p == '\\';
        p += escape;
        *out++ = escape && strchr("bfnrt", *p) ? ' ' : *p;
    }
    return text;
}

/* Safetensors. All numbers have 8 bytes, in little-endian order whatever the machine's is. */

typedef union {
    uint64_t bits;
    int64_t i;
    double x;
} Number;

typedef struct {
    const char *header;
    const unsigned char *data;
    size_t bytes; /* of the data */
} File;

static uint64_t load(const unsigned char *p) {
    uint64_t bits = 0;
    for (int k = 8; k--;) bits = bits << 8 | p[k];
    return bits;
}

static void store(uint64_t bits, FILE *stream) {
    for (int k = 0; k < 8; k++) fputc((int)(bits >> 8 * k & 255), stream);
}

static File opened(const char *path) {
    FILE *stream = fopen(path, "rb");
    long bytes = stream && !fseek(stream, 0, SEEK_END) ? ftell(stream) : -1;
    if (bytes < 0) fail("cannot be read");
    unsigned char *all = memory((size_t)bytes);
    rewind(stream);
    if (fread(all, 1, (size_t)bytes, stream) != (size_t)bytes) fail("cannot be read");
    fclose(stream);
    if (bytes < 8 || load(all) > (uint64_t)bytes - 8) fail("the header is cut short, or this is no safetensors file");
    size_t length = (size_t)load(all);
    char *header = memory(length);
    memcpy(header, all + 8, length);
    return (File){space(header), all + 8 + length, (size_t)bytes - 8 - length};
}

static const char F64[] = "\"F64\"", I64[] = "\"I64\"";
enum { ANY = -1 };

/* The numbers of an array, which must have this type and shape; a size that may be ANY is filled in. */
static Number *array(File file, const char *name, const char *type, int axes, long shape[]) {
    const char *about = member(file.header, name), *axis = first(member(about, "shape"));
    if (strncmp(member(about, "dtype"), type, strlen(type))) fail("%s: the type is not %s", name, type);
    size_t count = 1;
    int k = 0;
    for (; axis && k < axes; k++, axis = next(axis)) {
        size_t length = size(axis);
        if (shape[k] == ANY) shape[k] = (long)length;
        if (length != (size_t)shape[k]) fail("%s: axis %d is %zu long, not %ld", name, k, length, shape[k]);
        if (length && count > file.bytes / 8 / length) fail("%s: the file is cut short, or the shape is wrong", name);
        count *= length;
    }
    if (axis || k < axes) fail("%s: the number of axes is not %d", name, axes);
    const char *offset = first(member(about, "data_offsets"));
    size_t begin = size(offset), end = size(next(offset));
    if (end > file.bytes || begin > end || end - begin != 8 * count)
        fail("%s: the file is cut short, or the offsets are wrong", name);
    Number *numbers = memory(count * sizeof(Number));
    for (size_t n = 0; n < count; n++) numbers[n].bits = load(file.data + begin + 8 * n);
    return numbers;
}

/* Settings and weights of the block. */
typedef struct {
    double inner, cutoff, protection;
    const char *excluded;                        /* pairs of types that the descriptor does not see, as JSON */
    long atoms, slots, kinds;                    /* slots of an atom; kinds of atoms */
    Number *types, *near, *vectors, *mean, *std; /* near: which atom is in a slot, -1 for none */
} Inputs;

static Inputs read(const char *path) {
    where = path;
    File file = opened(path);
    const char *config = unescaped(member(member(file.header, "__metadata__"), "config"));
    const char *repinit = member(config, "repinit");
    long shape[] = {ANY, ANY, 3}, of_kinds[] = {ANY, 4};
    Inputs in = {.excluded = member(config, "excluded_pairs")};
    in.inner = number(member(repinit, "inner_cutoff"));
    in.cutoff = number(member(repinit, "cutoff"));
    in.protection = number(member(config, "protection"));
    in.types = array(file, "input/types", I64, 1, shape);
    in.near = array(file, "trace/nlist/ri_local", I64, 2, shape);
    in.vectors = array(file, "trace/nlist/ri_vector", F64, 3, shape);
    in.mean = array(file, "model/descriptor.repinit.environment.mean", F64, 2, of_kinds);
    in.std = array(file, "model/descriptor.repinit.environment.std", F64, 2, of_kinds);
    in.atoms = shape[0], in.slots = shape[1], in.kinds = of_kinds[0];
    if (!(in.inner < in.cutoff)) fail("the inner cutoff is not below the cutoff");
    return in;
}

/* w(r) = 1 + u^3 (-6 u^2 + 15 u - 10) falls from 1 at the inner cutoff to 0 at the cutoff (section 2.1). */
static double switched(double r, double inner, double cutoff) {
    double u = (fmin(fmax(r, inner), cutoff) - inner) / (cutoff - inner);
    return 1.0 + u * u * u * (-6.0 * u * u + 15.0 * u - 10.0);
}

/* Whether a pair of types is excluded, in either order (section 2.5). */
static int excluded(const char *pairs, int64_t s, int64_t t) {
    for (const char *pair = first(pairs); pair; pair = next(pair)) {
        const char *one = first(pair);
        int64_t a = (int64_t)size(one), b = (int64_t)size(next(one));
        if ((a == s && b == t) || (a == t && b == s)) return 1;
    }
    return 0;
}

/* R = (w/(r+p) - mean, w d/(r+p)^2 - mean) / std by the centre's type (sections 2.2, 2.3); rows of 4, 0 if not set. */
static void environment(Inputs in, Number *sw, Number *env_mat) {
    for (long slot = 0; slot < in.atoms * in.slots; slot++) {
        long centre = slot / in.slots;
        int64_t j = in.near[slot].i;
        if (j < 0) continue;
        if (j >= in.atoms) fail("atom %ld has a neighbour that does not exist", centre);
        int64_t s = in.types[centre].i, t = in.types[j].i;
        if (s < 0 || t < 0) fail("atom %ld or its neighbour is virtual", centre);
        if (s >= in.kinds) fail("atom %ld is of a type that the model does not know", centre);
        if (excluded(in.excluded, s, t)) continue;
        const Number *d = in.vectors + 3 * slot, *mean = in.mean + 4 * s, *std = in.std + 4 * s;
        double r = sqrt(d[0].x * d[0].x + d[1].x * d[1].x + d[2].x * d[2].x), a = 1.0 / (r + in.protection);
        double w = sw[slot].x = switched(r, in.inner, in.cutoff);
        for (int k = 0; k < 4; k++)
            env_mat[4 * slot + k].x = ((k ? w * a * a * d[k - 1].x : w * a) - mean[k].x) / std[k].x;
    }
}

static void save(const char *path, Inputs in, const Number *sw, const Number *env_mat) {
    long n = in.atoms, m = in.slots, length = 8 * n * m;
    char header[400];
    snprintf(header, sizeof header,
             "{\"repinit/sw\":{\"dtype\":%s,\"shape\":[%ld,%ld],\"data_offsets\":[0,%ld]},"
             "\"repinit/env_mat\":{\"dtype\":%s,\"shape\":[%ld,%ld,4],\"data_offsets\":[%ld,%ld]}}",
             F64, n, m, length, F64, n, m, length, 5 * length);
    where = path;
    FILE *stream = fopen(path, "wb");
    if (!stream) fail("cannot be written");
    store(strlen(header), stream);
    fputs(header, stream);
    for (long k = 0; k < n * m; k++) store(sw[k].bits, stream);
    for (long k = 0; k < n * m * 4; k++) store(env_mat[k].bits, stream);
    if (ferror(stream) || fclose(stream)) fail("cannot be written");
}

int main(int argc, char **argv) {
    if (argc != 3) fail("repinit INPUTS OUTPUTS");
    Inputs in = read(argv[1]);
    size_t count = (size_t)(in.atoms * in.slots);
    Number *sw = memory(count * sizeof(Number)), *env_mat = memory(4 * count * sizeof(Number));
    environment(in, sw, env_mat);
    save(argv[2], in, sw, env_mat);
    return EXIT_SUCCESS;
}
