/* Keys are private, the allow list says who may call what, frames are looked into safely. */
#include "harness.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <sodium.h>

#include "host/frame.h"
#include "host/keys.h"

static char dir[] = "/tmp/test_keys.XXXXXX";
static char path[64];
static struct err err;

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");

    CHECK(file);
    CHECK(fputs(text, file) >= 0);
    CHECK(fclose(file) == 0);
}

static void a_pair_is_written_for_its_owner_and_read_back(void) {
    struct keys made;
    struct keys read;
    struct stat info;

    CHECK_OK(keys_make(path, &made, &err), err);
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777U) == 0600);
    CHECK_OK(keys_read(path, &read, &err), err);
    CHECK(memcmp(&made, &read, sizeof made) == 0);
    CHECK(keys_make(path, &made, &err) == -1); /* never over an old one */
    CHECK(chmod(path, 0640) == 0);
    CHECK(keys_read(path, &read, &err) == -1);
    CHECK(err.code == ERR_PRECONDITION && strstr(err.args, "others can read"));
    CHECK(unlink(path) == 0);
}

static void halves_that_do_not_belong_together_are_refused(void) {
    struct keys keys;
    char text[256];

    keys_new(&keys);
    (void)snprintf(text, sizeof text, "public_key: %s\nsecret_key: %s\n", keys.public_hex,
                   keys.public_hex);
    write_file(text);
    CHECK(chmod(path, 0600) == 0);
    CHECK(keys_read(path, &keys, &err) == -1);
    CHECK(strstr(err.args, "no pair"));
    CHECK(unlink(path) == 0);
}

static void only_the_signer_gets_the_secret_half(void) {
    struct secrets made;
    struct secrets read;
    static const uint8_t zero[TOKEN_SECRET_SIZE];

    randombytes_buf(&made, sizeof made);
    CHECK_OK(keys_secrets_write(path, &made, true, &err), err);
    CHECK_OK(keys_secrets_read(path, &read, &err), err);
    CHECK(memcmp(&made, &read, sizeof made) == 0);
    CHECK(unlink(path) == 0);
    CHECK_OK(keys_secrets_write(path, &made, false, &err), err);
    CHECK_OK(keys_secrets_read(path, &read, &err), err);
    CHECK(memcmp(made.seal_key, read.seal_key, sizeof made.seal_key) == 0);
    CHECK(memcmp(zero, read.token_secret, sizeof zero) == 0);
    CHECK(unlink(path) == 0);
}

#define K1 "1111111111111111111111111111111111111111111111111111111111111111"
#define K2 "2222222222222222222222222222222222222222222222222222222222222222"

static struct bytes text(const char *s) {
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static void the_list_says_who_and_what(void) {
    static struct allow allow;

    write_file("# who\n\n" K1 " service:bus a.B/C x.Y/*\n" K2 "\ttool:cli\t*\n");
    CHECK_OK(allow_read(path, &allow, &err), err);
    CHECK(allow.count == 2);
    const struct allowed *bus = allow_find(&allow, K1);
    CHECK(bus && bus->service && bus == allow_service(&allow, "bus"));
    CHECK(allow_method(bus, text("a.B/C")));
    CHECK(allow_method(bus, text("x.Y/Z")));
    CHECK(!allow_method(bus, text("a.B/CD")));
    CHECK(!allow_method(bus, text("a.B/")));
    CHECK(!allow_method(bus, text("")));
    const struct allowed *cli = allow_find(&allow, K2);
    CHECK(cli && !cli->service && allow_method(cli, text("any")));
    CHECK(!allow_service(&allow, "cli"));
    CHECK(unlink(path) == 0);
}

static void a_wrong_list_is_named_by_line_and_changes_nothing(void) {
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"nonsense service:bus *\n", ":1: the key is not"},
        {"\n" K1 "\n", ":2: who is it"},
        {K1 " bus *\n", ":1: who is it"},
        {K1 " robot:bus *\n", ":1: who is it"},
        {K1 " service: *\n", ":1: who is it"},
        {K1 " tool:a *\n" K1 " tool:b *\n", ":2: this key is there already"},
        {K1 " service:a-name-that-is-longer-than-any-service-ever-was *\n", "too long"},
        {"# the core keeps 23 bytes\n" K1 " service:four-and-twenty-bytes-xx *\n",
         ":2: the name of a service is longer than 23 bytes"},
    };
    static struct allow allow;

    write_file(K2 " tool:cli *\n");
    CHECK_OK(allow_read(path, &allow, &err), err);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_file(wrong[i].text);
        CHECK(allow_read(path, &allow, &err) == -1);
        if (!strstr(err.args, wrong[i].why)) {
            (void)fprintf(stderr, "# %s, not %s\n", err.args, wrong[i].why);
            CHECK(!"the right reason");
        }
        CHECK(allow.count == 1 && allow_find(&allow, K2));
    }
    write_file(K1 " service:three-and-twenty-bytes- *\n" K2 " tool:four-and-twenty-bytes-xx *\n");
    CHECK_OK(allow_read(path, &allow, &err), err);
    CHECK(unlink(path) == 0);
}

static void a_frame_shows_its_method_as_unpacking_would(void) {
    Wire__Request request = WIRE__REQUEST__INIT;
    uint8_t id[16] = {7};
    uint8_t packed[256];
    struct frame frame;

    request.id = (ProtobufCBinaryData){sizeof id, id};
    request.method = "a.B/C";
    request.locale = "en";
    request.timeout_ms = 300;
    size_t size = wire__request__pack(&request, packed);
    CHECK(frame_scan((struct bytes){packed, size}, &frame));
    CHECK(frame_is(&frame, "a.B/C"));
    CHECK(frame.id.size == 16 && frame.id.data[0] == 7);
    CHECK(frame.locale.size == 2);
    /* Said twice, the last counts: an allowed name in front hides nothing. */
    Wire__Request second = WIRE__REQUEST__INIT;
    second.method = "d.E/F";
    size += wire__request__pack(&second, packed + size);
    CHECK(frame_scan((struct bytes){packed, size}, &frame));
    CHECK(frame_is(&frame, "d.E/F"));
    Wire__Request *both = wire__request__unpack(NULL, size, packed);
    CHECK(both);
    CHECK_TEXT(both->method, "d.E/F");
    wire__request__free_unpacked(both, NULL);
}

static void torn_frames_are_no_messages(void) {
    Wire__Request request = WIRE__REQUEST__INIT;
    uint8_t packed[256];
    struct frame frame;
    static const uint8_t endless[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                      0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    static const uint8_t group[] = {0x13};
    static const uint8_t huge[] = {0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 'x'};

    request.method = "a.B/C";
    size_t size = wire__request__pack(&request, packed);
    CHECK(!frame_scan((struct bytes){packed, size - 1}, &frame));
    CHECK(!frame_scan((struct bytes){endless, sizeof endless}, &frame));
    CHECK(!frame_scan((struct bytes){group, sizeof group}, &frame));
    CHECK(!frame_scan((struct bytes){huge, sizeof huge}, &frame));
    CHECK(frame_scan((struct bytes){NULL, 0}, &frame) && frame.method.size == 0);
}

static const struct test tests[] = {
    TEST(a_pair_is_written_for_its_owner_and_read_back),
    TEST(halves_that_do_not_belong_together_are_refused),
    TEST(only_the_signer_gets_the_secret_half),
    TEST(the_list_says_who_and_what),
    TEST(a_wrong_list_is_named_by_line_and_changes_nothing),
    TEST(a_frame_shows_its_method_as_unpacking_would),
    TEST(torn_frames_are_no_messages),
};

int main(int argc, char **argv) {
    CHECK(sodium_init() >= 0);
    CHECK(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/file", dir);
    int status = RUN_TESTS(tests, argc, argv);
    (void)rmdir(dir);
    return status;
}
