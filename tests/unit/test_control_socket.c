/* SPDX-License-Identifier: GPL-2.0-only */
/* The runner's control socket with clients that do what they like; what it is asked for is a fake. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../tools/run/control_socket.c"

/* ---- fakes ---- */

int console_attach(struct console *c, int fd, pid_t pid, enum console_mode mode, bool scrollback, pid_t *ret_writer)
{
	(void)c;
	(void)fd;
	(void)pid;
	(void)mode;
	(void)scrollback;
	(void)ret_writer;
	return -EUSERS;
}

void console_type(struct console *c, const void *data, size_t len)
{
	(void)c;
	(void)data;
	(void)len;
}

int zendo_control_address(const char *name, struct sockaddr_un *ret, int *ret_dir)
{
	(void)name;
	(void)ret;
	(void)ret_dir;
	return -ENOENT;
}

static struct {
	char done[256];		/* a word for each call */
	uint32_t domid;
	int dump_fd, dump_result;
} seen;

static void note(const char *word)
{
	size_t len = strlen(seen.done);

	(void)snprintf(seen.done + len, sizeof(seen.done) - len, "%s ", word);
}

static int fake_pause(void *userdata)
{
	(void)userdata;
	note("pause");
	return 0;
}

static void fake_query(void *userdata, struct json_object *answer)
{
	(void)userdata;
	(void)json_object_object_add(answer, "query", json_object_new_boolean(true));
}

static int fake_destroy(void *userdata, uint32_t domid)
{
	(void)userdata;
	note("destroy");
	seen.domid = domid;
	return domid == 7 ? -ENOENT : 0;
}

static int fake_shutdown(void *userdata, const char *how, struct zendo_error *e)
{
	(void)userdata;
	note("shutdown");
	return strcmp(how, "poweroff") == 0 ? 0 : zendo_error(e, -EINVAL, "not '%s'", how);
}

static int fake_set_vcpus(void *userdata, unsigned nr, struct zendo_error *e)
{
	(void)userdata;
	note("vcpus");
	seen.domid = nr;
	return nr == 2 ? 0 : zendo_error(e, -EINVAL, "not %u", nr);
}

static int fake_dump(void *userdata, uint32_t domid, int fd, struct zendo_error *e)
{
	(void)userdata;
	note("dump");
	seen.domid = domid;
	if (seen.dump_result < 0)
		return zendo_error(e, seen.dump_result, "no");
	seen.dump_fd = fd;
	return 0;
}

static void fake_dump_cancel(void *userdata)
{
	(void)userdata;
	note("cancel");
	seen.dump_fd = safe_close(seen.dump_fd);
}

static const struct control_operations fakes = {
	.pause = fake_pause, .unpause = fake_pause, .destroy = fake_destroy, .query = fake_query,
	.shutdown = fake_shutdown, .sysrq = fake_shutdown, .set_vcpus = fake_set_vcpus, .dump = fake_dump, .dump_cancel = fake_dump_cancel,
};

/* ---- a client ---- */

static sd_event *event;
static struct control *control;
static char path[64];

static int set_up(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.dump_fd = -EBADF;
	(void)snprintf(path, sizeof(path), "/tmp/test_control.%d", (int)getpid());
	strcpy(sa.sun_path, path);
	(void)unlink(path);
	control = calloc(1, sizeof(*control));
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return sd_event_new(&event) < 0 || bind(control->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	       listen(control->fd, 8) < 0 || control_start(control, event, NULL, &fakes, NULL) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	control_free(control);
	sd_event_unref(event);
	safe_close(seen.dump_fd);
	return unlink(path);
}

static void settle(void)
{
	while (sd_event_run(event, 0) > 0)
		;
}

static int join(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	settle();
	return fd;
}

/* @nr descriptors go along, all of them /dev/null. */
static void say(int fd, const char *text, unsigned nr)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} ancillary = {};
	struct iovec iov = { (char *)text, strlen(text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[4];

	if (nr > 0) {
		m.msg_control = &ancillary;
		m.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(nr * sizeof(int));
	}
	for (unsigned i = 0; i < nr; i++)
		fds[i] = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (nr > 0)
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, nr * sizeof(int));
	assert_int_equal(sendmsg(fd, &m, 0), strlen(text));
	for (unsigned i = 0; i < nr; i++)
		(void)close(fds[i]);
	settle();
}

static const char *hear(int fd)
{
	static char text[8192];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static unsigned nr_descriptors(void)
{
	unsigned nr = 0;

	for (int fd = 0; fd < 256; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

/* ---- tests ---- */

static void requests_are_answered_in_order(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "{\"do\":\"query\"}\n{\"do\":\"shutdown\",\"how\":\"poweroff\"}\n{\"do\":\"shutdown\",\"how\":\"now\"}\n[]\n{\"do\":\"fly\"}\n", 0);
	assert_string_equal(hear(fd),
			    "{\"ok\":true,\"query\":true}\n{\"ok\":true}\n"
			    "{\"ok\":false,\"error\":\"invalid\",\"text\":\"not 'now'\"}\n"
			    "{\"ok\":false,\"error\":\"invalid\",\"text\":\"a request is one line with a JSON object\"}\n"
			    "{\"ok\":false,\"error\":\"invalid\",\"text\":\"\\\"do\\\" is query, pause, unpause, shutdown, sysrq, destroy, "
			    "lend, dump, vcpu, vcpu-set, pin, nmi or console\"}\n");
	(void)close(fd);
	settle();
}

static void a_number_of_vcpus_is_a_number(void **state)
{
	static const char not_a_number[] = "{\"ok\":false,\"error\":\"invalid\",\"text\":\"\\\"vcpus\\\" is a number\"}\n";
	int fd = join();

	(void)state;
	say(fd, "{\"do\":\"vcpu-set\",\"vcpus\":2}\n", 0);
	assert_int_equal(seen.domid, 2);
	assert_string_equal(hear(fd), "{\"ok\":true}\n");
	say(fd, "{\"do\":\"vcpu-set\",\"vcpus\":3}\n", 0);
	assert_string_equal(hear(fd), "{\"ok\":false,\"error\":\"invalid\",\"text\":\"not 3\"}\n");
	seen.domid = 9;
	say(fd, "{\"do\":\"vcpu-set\"}\n", 0);
	assert_string_equal(hear(fd), not_a_number);
	say(fd, "{\"do\":\"vcpu-set\",\"vcpus\":\"2\"}\n", 0);
	assert_string_equal(hear(fd), not_a_number);
	say(fd, "{\"do\":\"vcpu-set\",\"vcpus\":-1}\n", 0);
	assert_string_equal(hear(fd), not_a_number);
	assert_int_equal(seen.domid, 9);
	(void)close(fd);
	settle();
}

static void destroy_names_one_that_is_kept_or_none(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "{\"do\":\"destroy\"}\n", 0);
	assert_int_equal(seen.domid, CONTROL_OUR_DOMAIN);
	say(fd, "{\"do\":\"destroy\",\"domid\":9}\n", 0);
	assert_int_equal(seen.domid, 9);
	assert_string_equal(hear(fd), "{\"ok\":true}\n{\"ok\":true}\n");
	say(fd, "{\"do\":\"destroy\",\"domid\":7}\n{\"do\":\"destroy\",\"domid\":-1}\n{\"do\":\"destroy\",\"domid\":4294967295}\n"
	    "{\"do\":\"destroy\",\"domid\":\"9\"}\n", 0);
	/* the last three did not get there: a wrong id must not become the domain itself */
	assert_string_equal(seen.done, "destroy destroy destroy ");
	assert_non_null(strstr(hear(fd), "\\\"domid\\\" is a number"));
	(void)close(fd);
	settle();
}

static void a_dump_is_answered_when_it_is_done(void **state)
{
	int fd = join(), other = join();

	(void)state;
	say(fd, "{\"do\":\"dump\"}\n", 0);
	assert_non_null(strstr(hear(fd), "a descriptor of the file must come"));
	say(fd, "{\"do\":\"dump\",\"domid\":3}\n{\"do\":\"pause\"}\n", 1);
	assert_int_equal(seen.domid, 3);
	assert_true(seen.dump_fd >= 0);
	assert_string_equal(hear(fd), "");
	assert_string_equal(seen.done, "dump ");
	/* others are served meanwhile */
	say(other, "{\"do\":\"query\"}\n", 0);
	assert_string_equal(hear(other), "{\"ok\":true,\"query\":true}\n");
	control_dump_done(control, 0, 4096, 512);
	settle();
	assert_string_equal(hear(fd), "{\"ok\":true,\"size\":4096,\"stored\":512}\n{\"ok\":true}\n");
	assert_string_equal(seen.done, "dump pause ");
	/* and it can be used on */
	say(fd, "{\"do\":\"query\"}\n", 0);
	assert_string_equal(hear(fd), "{\"ok\":true,\"query\":true}\n");
	(void)close(fd);
	(void)close(other);
	settle();
	assert_string_equal(seen.done, "dump pause ");
}

static void who_hangs_up_breaks_it_off(void **state)
{
	int fd = join();

	(void)state;
	say(fd, "{\"do\":\"dump\"}\n", 1);
	(void)close(fd);
	settle();
	assert_string_equal(seen.done, "dump cancel ");
	assert_int_equal(control->nr_clients, 0);
	control_dump_done(control, 0, 1, 1);	/* nobody to tell */
}

static void a_dump_that_is_refused_says_why(void **state)
{
	int fd = join();

	(void)state;
	seen.dump_result = -EBUSY;
	say(fd, "{\"do\":\"dump\"}\n", 1);
	assert_string_equal(hear(fd), "{\"ok\":false,\"error\":\"busy\",\"text\":\"no\"}\n");
	(void)close(fd);
	settle();
}

static void descriptors_that_nobody_wants_are_closed(void **state)
{
	unsigned before = nr_descriptors();
	int fd = join();

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		say(fd, "{\"do\":\"query\"}\n", 1);
	/* more than one: not half of them */
	say(fd, "{\"do\":\"query\"}\n", 4);
	say(fd, "{\"do\":", 1);
	assert_true(nr_descriptors() <= before + 3);	/* both ends, and one that is kept for a request */
	(void)close(fd);
	settle();
	assert_int_equal(nr_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(requests_are_answered_in_order),
		T(a_number_of_vcpus_is_a_number), T(destroy_names_one_that_is_kept_or_none),
		T(a_dump_is_answered_when_it_is_done),
		T(who_hangs_up_breaks_it_off),
		T(a_dump_that_is_refused_says_why),
		T(descriptors_that_nobody_wants_are_closed),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
