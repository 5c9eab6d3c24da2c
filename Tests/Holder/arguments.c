// The command line.
#include "holder.h"

#include <getopt.h>
#include <linux/mempolicy.h>

struct options options = {.size = 2 << 20, .touch = SIZE_MAX, .poison = SIZE_MAX, .children = 1};

enum { mostPages = 1 << 20 };

static _Noreturn void refuse(const char *why) {
    fprintf(stderr, "holder: %s\nusage: holder KIND [--size BYTES] [--pages N] [--touch N] [--noreserve] [--node N,…] "
                    "[--policy bind|interleave|preferred] [--spread N:PAGES,…] [--giants N,…] [--poison N] "
                    "[--path PATH] [--uid N] [--children N] [--name COMM] [--memory hugetlb|thp|base] "
                    "[--rule MODE[:N,…]] [--task-rule MODE[:N,…]] [--cpu N,…] [--parts NAME,…] [--thp BYTES] "
                    "[--base BYTES]\nkinds:", why);
    for (size_t i = 0; i < kindCount; i++) fprintf(stderr, " %s", kinds[i].name);
    fprintf(stderr, "\n");
    exit(2);
}

// MARK: - Values

// The number at `text`, which goes on to what follows it.
static size_t takeNumber(const char **text, size_t least, size_t most) {
    char *end;
    if (**text < '0' || **text > '9') refuse("a number is wanted");
    errno = 0;
    unsigned long value = strtoul(*text, &end, 10);
    if (errno || value < least || value > most) refuse("a number is out of range");
    *text = end;
    return value;
}

static int takeNode(const char **text) { return (int)takeNumber(text, 0, maxNodes - 1); }

// False at the end; else another item must follow.
static bool takeComma(const char **text, size_t taken) {
    if (**text == 0) return false;
    if (**text != ',') refuse("a list with commas is wanted");
    if (taken == maxListed) refuse("a list is too long");
    ++*text;
    return true;
}

static size_t number(size_t least, size_t most) {
    const char *text = optarg;
    size_t value = takeNumber(&text, least, most);
    if (*text) refuse("a number is wanted");
    return value;
}

static struct nodes listAt(const char *text) {
    struct nodes list = {0};
    do list.at[list.count++] = takeNode(&text);
    while (takeComma(&text, list.count));
    return list;
}

static struct nodes nodeList(void) { return listAt(optarg); }

static void parseSpread(void) {
    const char *text = optarg;
    options.runs = 0;
    do {
        struct run *run = &options.spread[options.runs++];
        run->node = takeNode(&text);
        if (*text++ != ':') refuse("--spread wants NODE:PAGES,…");
        run->pages = takeNumber(&text, 1, mostPages);
    } while (takeComma(&text, options.runs));
}

static int policy(void) {
    if (strcmp(optarg, "bind") == 0) return MPOL_BIND;
    if (strcmp(optarg, "interleave") == 0) return MPOL_INTERLEAVE;
    if (strcmp(optarg, "preferred") == 0) return MPOL_PREFERRED;
    refuse("--policy is bind, interleave or preferred");
}

static struct rule rule(void) {
    static const struct {
        const char *name;
        int mode;
    } modes[] = {
        {"default", MPOL_DEFAULT},       {"local", MPOL_LOCAL},         {"bind", MPOL_BIND},
        {"interleave", MPOL_INTERLEAVE}, {"preferred", MPOL_PREFERRED}, {"preferred-many", 5},
        {"weighted-interleave", 6},
    };
    size_t length = strcspn(optarg, ":");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strlen(modes[i].name) != length || strncmp(modes[i].name, optarg, length) != 0) continue;
        struct rule rule = {.isGiven = true, .mode = modes[i].mode};
        if (optarg[length]) rule.nodes = listAt(optarg + length + 1);
        return rule;
    }
    refuse("--rule and --task-rule want MODE or MODE:N,…");
}

static enum memory memory(void) {
    if (strcmp(optarg, "hugetlb") == 0) return memoryHugetlb;
    if (strcmp(optarg, "thp") == 0) return memoryTHP;
    if (strcmp(optarg, "base") == 0) return memoryBase;
    refuse("--memory is hugetlb, thp or base");
}

static const char *parts(void) {
    if (!areParts(optarg)) refuse("--parts has a name that is none of a part");
    return optarg;
}

// The bytes that C-like escapes mean: \n, \t, \r, \\ and \xHH.
static const char *unescape(char *text) {
    char *out = text;
    for (const char *in = text; *in; in++) {
        unsigned byte;
        if (*in != '\\') {
            *out++ = *in;
        } else if (sscanf(in, "\\x%2x", &byte) == 1) {
            *out++ = (char)byte;
            in += 3;
        } else {
            switch (*++in) {
            case 'n': *out++ = '\n'; break;
            case 't': *out++ = '\t'; break;
            case 'r': *out++ = '\r'; break;
            case '\\': *out++ = '\\'; break;
            default: refuse("--name has an escape other than \\n \\t \\r \\\\ \\xHH");
            }
        }
    }
    *out = 0;
    return text;
}

// MARK: - All of it

static void parseOptions(int count, char **arguments) {
    static const struct option names[] = {
        {"size", required_argument, NULL, 's'},   {"pages", required_argument, NULL, 'p'},
        {"touch", required_argument, NULL, 't'},  {"noreserve", no_argument, NULL, 'r'},
        {"node", required_argument, NULL, 'n'},   {"policy", required_argument, NULL, 'y'},
        {"spread", required_argument, NULL, 'd'}, {"giants", required_argument, NULL, 'g'},
        {"poison", required_argument, NULL, 'b'}, {"path", required_argument, NULL, 'f'},
        {"uid", required_argument, NULL, 'u'},    {"children", required_argument, NULL, 'c'},
        {"name", required_argument, NULL, 'm'},   {"memory", required_argument, NULL, 'M'},
        {"rule", required_argument, NULL, 'R'},   {"task-rule", required_argument, NULL, 'T'},
        {"cpu", required_argument, NULL, 'C'},    {"parts", required_argument, NULL, 'P'},
        {"thp", required_argument, NULL, 'H'},    {"base", required_argument, NULL, 'B'},
        {"executed", no_argument, NULL, 'X'},     {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (option) {
        case 's': options.size = number(4096, 1UL << 40); break;
        case 'p': options.pages = number(1, mostPages); break;
        case 't': options.touch = number(0, mostPages); break;
        case 'r': options.noReserve = true; break;
        case 'n': options.nodes = nodeList(); break;
        case 'y': options.policy = policy(); break;
        case 'd': parseSpread(); break;
        case 'g': options.giants = nodeList(); break;
        case 'b': options.poison = number(0, mostPages); break;
        case 'f': options.path = optarg; break;
        case 'u': options.uid = (uid_t)number(0, UINT32_MAX - 1); break;
        case 'c': options.children = (int)number(0, maxChildren); break;
        case 'm': options.name = unescape(optarg); break;
        case 'M': options.memory = memory(); break;
        case 'R': options.rule = rule(); break;
        case 'T': options.taskRule = rule(); break;
        case 'C': options.cpus = nodeList(); break;
        case 'P': options.parts = parts(); break;
        case 'H': options.thp = number(0, 1UL << 40); break;
        case 'B': options.base = number(0, 1UL << 40); break;
        case 'X': options.isExecuted = true; break;
        default: refuse("unknown option");
        }
    }
}

static const struct kind *kindNamed(const char *name) {
    for (size_t i = 0; i < kindCount; i++)
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    refuse("one KIND is wanted");
}

static void settlePlacement(void) {
    if (options.runs && (options.pages || options.nodes.count)) refuse("--spread is instead of --pages and --node");
    if (options.policy && !options.nodes.count) refuse("--policy wants --node");
    if (!options.policy) options.policy = MPOL_BIND;
    for (size_t i = 0; i < options.runs; i++) options.pages += options.spread[i].pages;
    if (!options.pages) options.pages = 4;
}

static void settleLength(const struct kind *kind) {
    size_t stride = kind->stride ? kind->stride : 1;
    if (options.memory == memoryBase) options.size = basePage;
    if (options.size & (options.size - 1)) refuse("--size is a power of two");
    if (options.touch == SIZE_MAX) options.touch = options.pages / stride;
    length = kind->span ? kind->span : options.pages * options.size;
    if (stride * options.touch * options.size > length) refuse("--touch is more than is mapped");
    size_t mapped = length / options.size;
    if (options.poison != SIZE_MAX && options.poison >= mapped) refuse("--poison is beyond what is mapped");
}

const struct kind *parse(int count, char **arguments) {
    parseOptions(count, arguments);
    if (optind != count - 1) refuse("one KIND is wanted");
    const struct kind *kind = kindNamed(arguments[optind]);
    if (kind->needsPath && !options.path) refuse("this kind wants --path");
    if (kind->needsGiants && !options.giants.count) refuse("this kind wants --giants");
    if (kind->needsRoute && options.nodes.count < 2) refuse("this kind wants --node with more than one");
    settlePlacement();
    settleLength(kind);
    return kind;
}
