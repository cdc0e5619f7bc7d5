#include "cli/words.h"

#include <stdio.h>
#include <string.h>

struct words {
    const char *rule;
    const char *zh;
    const char *en;
};

/* {name} is an argument of the error; a part in [ ] is left out if one of its own is empty. */
static const struct words sentences[] = {
    {"import_columns", "[{file}：]看列名认不出这是什么文件；样子见 deploy/demo/ 里的 CSV",
     "[{file}: ]its columns do not say what it is; see the CSV files in deploy/demo/"},
    {"import_empty", "[{file}：]文件是空的，或第一行不是列名",
     "[{file}: ]it is empty, or its first line does not name the columns"},
    {"json_deep", "JSON 的“{path}”嵌套太深", "JSON: {path} is nested too deep"},
    {"json_enum", "JSON 的“{path}”没有这个取值[；是不是 {nearest}？]",
     "JSON: {path} has no such value[; did you mean {nearest}?]"},
    {"json_key", "没有“{path}”这个字段[；是不是 {nearest}？]（全部字段：call --describe 方法）",
     "there is no field {path}[; did you mean {nearest}?] (all fields: call --describe METHOD)"},
    {"json_large", "JSON 太大，最多 {max} 字节", "the JSON is too large: at most {max} bytes"},
    {"json_object", "JSON [的“{path}”]应为 {…} 形式的对象",
     "JSON: [{path}: ]an object {…} is wanted"},
    {"json_oneof", "“{path}”和“{other}”只能填一个", "only one of {path} and {other} may be there"},
    {"json_range", "“{path}”的数太大", "{path}: the number is too large"},
    {"json_syntax", "JSON 第 {line} 行第 {column} 列有误：{why}",
     "the JSON is wrong at line {line}, column {column}: {why}"},
    {"json_type", "“{path}”的类型不对，应为 {wanted}", "{path}: {wanted} is wanted"},
    {"method_several", "“{method}”不止一个，请写全：{first} 或 {second}",
     "{method} may be several; say {first} or {second}"},
    {"method_unknown", "没有“{method}”这个方法[；是不是 {nearest}？]（全部方法：call --list）",
     "there is no method {method}[; did you mean {nearest}?] (all methods: call --list)"},
    {"roster_staff_behind", "排班服务还没有收到 {staff} 的资料，没有导入；请稍候再试",
     "patrol has not heard of {staff} yet, so nothing was imported; try again in a moment"},
    {"service_stopped", "服务 {service} 没有在运行，请求没有发出；启动：shouwen up {service}",
     "{service} is not running, and nothing was sent; start it: shouwen up {service}"},
};

struct pen {
    char *out;
    size_t size;
    size_t at;
};

static void put(struct pen *pen, const char *text, size_t length) {
    for (size_t i = 0; i < length && pen->at + 1 < pen->size; i++) {
        pen->out[pen->at++] = text[i];
    }
}

/* The value of "name=value" among the lines of the arguments. */
static const char *value_of(const char *args, const char *name, size_t length, size_t *size) {
    for (const char *line = args; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == '=') {
            *size = strcspn(line + length + 1, "\n");
            return line + length + 1;
        }
    }
    return NULL;
}

static void fill(struct pen *pen, const char *text, const char *args) {
    size_t part = 0; /* where an optional part began */
    bool empty = false;

    for (const char *at = text; *at; at++) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        size_t size = 0;
        const char *value = end ? value_of(args, at + 1, (size_t)(end - at - 1), &size) : NULL;
        if (value) {
            put(pen, value, size);
            empty = empty || size == 0;
            at = end;
        } else if (*at == '[') {
            part = pen->at;
            empty = false;
        } else if (*at == ']') {
            pen->at = empty ? part : pen->at;
        } else {
            put(pen, at, 1);
        }
    }
}

const char *words_of(const struct cli *cli, const struct err *err, char *out, size_t size) {
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (strcmp(sentences[i].rule, err->rule) == 0) {
            struct pen pen = {.out = out, .size = size};
            fill(&pen, cli_say(cli, sentences[i].zh, sentences[i].en), err->args);
            out[pen.at] = '\0';
            return out;
        }
    }
    return err->args;
}
