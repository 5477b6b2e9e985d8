/* SPDX-License-Identifier: GPL-2.0-only */
/* zendo clone: what becomes of disks and definition, and that nothing is left when something fails. The programs are played here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/ioctl.h>

static int fake_ioctl(int fd, unsigned long request, const void *arg);
#define ioctl(fd, request, arg) fake_ioctl(fd, request, (const void *)(uintptr_t)(arg))
#include "../../tools/zendo/clone_disk.c"
#undef ioctl
#include "../../tools/zendo/clone_config.c"

static char dir[] = "/tmp/test_clone.XXXXXX";
static bool shares;			/* the file system can */
static char called[2048];		/* command lines, one a line */
static const char *lvs_says;		/* NULL: it fails */
static const char *fails;		/* the program that does */

/* A whole copy is as good as shared blocks. */
static int fake_ioctl(int fd, unsigned long request, const void *arg)
{
	char buf[4096];
	ssize_t n;

	if (!shares) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (request == FICLONERANGE)
		return 0;
	assert_int_equal(request, FICLONE);
	n = pread((int)(intptr_t)arg, buf, sizeof(buf), 0);
	assert_true(n >= 0 && write(fd, buf, (size_t)n) == n);
	return 0;
}

int run(const char *const *args, int timeout_ms, char **ret_out, char **ret_err)
{
	const bool lvs = strcmp(args[0], LVS) == 0, failed = (lvs && !lvs_says) || (fails && strcmp(args[0], fails) == 0);

	(void)timeout_ms;
	for (const char *const *a = args; *a; a++)
		(void)snprintf(called + strlen(called), sizeof(called) - strlen(called), "%s%s", a == args ? "" : " ", *a);
	strcat(called, "\n");
	*ret_out = strdup(lvs && !failed ? lvs_says : "");
	*ret_err = strdup(failed ? "  WARNING: of no use\n  it will not\n" : "");
	return failed ? 5 : 0;
}

static char *path_of(const char *name)
{
	static char path[8][256];
	static unsigned at;

	at = (at + 1) % 8;
	(void)snprintf(path[at], sizeof(path[at]), "%s/%s", dir, name);
	return path[at];
}

static void put(const char *name, const char *bytes, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static bool is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static int set_up(void **state)
{
	(void)state;
	shares = true;
	*called = '\0';
	lvs_says = fails = NULL;
	return 0;
}

/* ---- one disk ---- */

static int plan(const char *disk, struct clone_wish w, struct clone_disk *ret, char *ret_why)
{
	struct zendo_error e = {};
	struct zendo_disk d;
	char text[512];
	int r;

	(void)snprintf(text, sizeof(text), disk, dir);
	assert_int_equal(zendo_disk_parse(text, NULL, &d, &e), 0);
	w.name = "web";
	w.new_name = w.new_name ? w.new_name : "two";
	*ret = (struct clone_disk) { .made = false };
	r = clone_disk_plan(&d, &w, ret, &e);
	if (ret_why)
		(void)snprintf(ret_why, 512, "%s", e.text);
	zendo_disk_clear(&d);
	return r;
}

static void assert_base(const char *base, const char *wanted)
{
	const struct clone_wish w = { .name = "web", .new_name = "two" };
	_cleanup_free_ char *got = NULL;

	assert_int_equal(new_base(base, &w, "xvda", &got), 0);
	assert_string_equal(got, wanted);
}

static void names_follow_the_domains(void **state)
{
	(void)state;
	assert_base("web.img", "two.img");
	assert_base("my-web_root.img", "my-two_root.img");
	assert_base("web", "two");
	assert_base("root.img", "two-xvda.img");
	assert_base("webcam.qcow2", "two-xvda.qcow2");
	assert_base("cobweb-web", "cobweb-two");
	assert_base("root", "two-xvda");
	assert_base(".img", "two-xvda");
}

static void files_share_blocks_where_they_can(void **state)
{
	struct clone_disk c;
	char why[512];

	(void)state;
	put("web.img", "data", 4);
	assert_int_equal(plan("%s/web.img,raw,xvda,w", (struct clone_wish) {}, &c, NULL), 0);
	assert_int_equal(c.how, CLONE_REFLINK);
	assert_string_equal(c.to, path_of("two.img"));
	assert_false(is_there("two.img"));
	assert_int_equal(clone_disk_make(&c, NULL), 0);
	assert_true(is_there("two.img"));
	assert_int_equal(clone_disk_undo(&c, NULL), 0);
	assert_false(is_there("two.img"));
	clone_disk_clear(&c);

	put("two.img", "", 0);
	assert_int_equal(plan("%s/web.img,raw,xvda,w", (struct clone_wish) {}, &c, why), -EEXIST);
	assert_non_null(strstr(why, "is there already"));
	unlink(path_of("two.img"));
	shares = false;
	assert_int_equal(plan("%s/web.img,raw,xvda,w", (struct clone_wish) {}, &c, why), -EOPNOTSUPP);
	assert_non_null(strstr(why, "--overlay"));
	unlink(path_of("web.img"));
	assert_int_equal(plan("%s/web.img,raw,xvda,w", (struct clone_wish) {}, &c, NULL), -ENOENT);
}

static void a_running_domain_has_few_copies(void **state)
{
	char image[104] = "QFI\xfb\0\0\0\3", why[512];
	struct clone_disk c;

	(void)state;
	put("web.img", "data", 4);
	put("web.qcow2", image, sizeof(image));
	assert_int_equal(plan("%s/web.img,raw,xvda,w", (struct clone_wish) { .running = true }, &c, NULL), 0);
	assert_int_equal(c.how, CLONE_REFLINK);
	clone_disk_clear(&c);
	assert_int_equal(plan("%s/web.qcow2,qcow2,xvda,w", (struct clone_wish) {}, &c, NULL), 0);
	clone_disk_clear(&c);
	assert_int_equal(plan("%s/web.qcow2,qcow2,xvda,w", (struct clone_wish) { .running = true }, &c, why), -EBUSY);
	assert_non_null(strstr(why, "end it first"));
	shares = false;
	assert_int_equal(plan("%s/web.img,raw,xvda,w", (struct clone_wish) { .running = true, .overlays = dir }, &c, NULL), -EBUSY);
	unlink(path_of("web.img"));
	unlink(path_of("web.qcow2"));
}

static void images_of_several_files_get_overlays_only(void **state)
{
	char image[104] = "QFI\xfb\0\0\0\3", line[1024];
	struct clone_disk c;

	(void)state;
	image[QCOW2_FEATURES_AT + 7] = QCOW2_DATA_FILE;
	put("web.qcow2", image, sizeof(image));
	put("web.vmdk", "", 0);
	assert_int_equal(plan("%s/web.qcow2,qcow2,xvda,w", (struct clone_wish) {}, &c, NULL), -EOPNOTSUPP);
	assert_int_equal(plan("%s/web.vmdk,vmdk,xvda,w", (struct clone_wish) {}, &c, NULL), -EOPNOTSUPP);
	assert_int_equal(plan("%s/web.vmdk,vmdk,xvdb,w", (struct clone_wish) { .overlays = dir }, &c, NULL), 0);
	assert_int_equal(c.how, CLONE_OVERLAY);
	assert_int_equal(clone_disk_make(&c, NULL), 0);
	(void)snprintf(line, sizeof(line), QEMU_IMG " create -q -f qcow2 -F vmdk -b %s %s\n", path_of("web.vmdk"), path_of("two-xvdb.qcow2"));
	assert_string_equal(called, line);
	assert_int_equal(clone_disk_undo(&c, NULL), 0);
	assert_false(is_there("two-xvdb.qcow2"));
	fails = QEMU_IMG;
	assert_int_equal(clone_disk_make(&c, NULL), -EIO);
	assert_false(is_there("two-xvdb.qcow2"));
	put("two-xvdb.qcow2", "mine", 4);
	fails = NULL;
	*called = '\0';
	assert_int_equal(clone_disk_make(&c, NULL), -EEXIST);
	assert_string_equal(called, "");
	assert_true(is_there("two-xvdb.qcow2"));
	clone_disk_clear(&c);
	unlink(path_of("two-xvdb.qcow2"));
	unlink(path_of("web.qcow2"));
	unlink(path_of("web.vmdk"));
}

static void thin_volumes_are_snapshot(void **state)
{
	const struct clone_wish w = { .name = "web", .new_name = "two" }, odd = { .name = "web", .new_name = "t wo" };
	_cleanup_free_ char *vg = NULL, *lv = NULL;
	struct zendo_disk d = { .vdev = "xvda" };
	struct clone_disk c = {};
	struct zendo_error e;

	(void)state;
	assert_int_equal(find_thin("/dev/x", &vg, &lv), 0);
	lvs_says = "  vg0|root|linear\n";
	assert_int_equal(find_thin("/dev/x", &vg, &lv), 0);
	lvs_says = "  vg0|web-root|thin\n";
	assert_int_equal(find_thin("/dev/x", &vg, &lv), 1);
	assert_int_equal(plan_thin(&d, &w, vg, lv, &c, &e), 0);
	assert_string_equal(c.to, "/dev/vg0/two-root");
	*called = '\0';
	assert_int_equal(clone_disk_make(&c, &e), 0);
	assert_int_equal(clone_disk_undo(&c, &e), 0);
	assert_string_equal(called, LVCREATE " -q -s -kn -n two-root -- vg0/web-root\n" LVREMOVE " -q -f -- vg0/two-root\n");
	fails = LVCREATE;
	*called = '\0';
	assert_int_equal(clone_disk_make(&c, &e), -EIO);
	assert_string_equal(e.text, LVCREATE ": it will not");
	assert_int_equal(clone_disk_undo(&c, &e), 0);
	assert_null(strstr(called, LVREMOVE));
	clone_disk_clear(&c);
	assert_int_equal(plan_thin(&d, &odd, vg, lv, &c, &e), -EINVAL);
	clone_disk_clear(&c);
}

static void what_cannot_be_copied_is_named(void **state)
{
	struct clone_disk c;
	char why[512];

	(void)state;
	assert_int_equal(plan("nbd://h/x,raw,xvda,w", (struct clone_wish) {}, &c, why), -EOPNOTSUPP);
	assert_non_null(strstr(why, "another machine"));
	assert_int_equal(plan("/dev/null,raw,xvda,w", (struct clone_wish) {}, &c, why), -ENOTBLK);
	assert_int_equal(plan("/x,raw,xvda,w,script=/y", (struct clone_wish) {}, &c, why), -EOPNOTSUPP);
	assert_int_equal(plan("/none,raw,xvda,r", (struct clone_wish) {}, &c, NULL), 0);
	assert_int_equal(c.how, CLONE_SAME);
	assert_int_equal(plan("nbd://h/x,raw,xvda,r", (struct clone_wish) {}, &c, NULL), 0);
	assert_int_equal(plan(",empty,hdc,r,cdrom", (struct clone_wish) {}, &c, NULL), 0);
}

/* ---- the definition ---- */

static const char definition[] =
	"name = 'web'\nkernel = '/k'\nmemory = 64\nuuid = '11111111-2222-4333-8444-555555555555'\n"
	"disk = [ '%s/web.img,raw,xvda,w', '%s/data.img,raw,xvdb,w', '%s/iso,raw,xvdc,r' ]\n"
	"vif = [ 'mac=00:16:3e:01:02:03,bridge=br0,vifname=web0', 'bridge=br1' ]\n";

static void load(struct clone *c, const char *override, bool running)
{
	char text[2048];
	struct zendo_config_input in[] = {
		{ .source = "/etc/zendo/web.cfg", .text = text },
		{ .source = "command line", .text = override, .len = override ? strlen(override) : 0, .bare = true },
	};
	struct zendo_error e = {};

	(void)snprintf(text, sizeof(text), definition, dir, dir, dir);
	in[0].len = strlen(text);
	*c = (struct clone) { .wish = { .name = "web", .new_name = "two", .running = running } };
	assert_int_equal(zendo_config_parse(in, override ? 2 : 1, &c->config, &e), 0);
	put("web.img", "root", 4);
	put("data.img", "data", 4);
}

static void read_back(const struct clone *c, struct zendo_config **ret)
{
	const struct zendo_config_input in = { .source = "it", .text = c->text, .len = c->len };
	struct zendo_error e = {};

	assert_int_equal(zendo_config_parse(&in, 1, ret, &e), 0);
}

static void a_definition_of_its_own(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *got = NULL;
	struct zendo_error e = {}, left = {};
	uint8_t mac[6];
	struct clone c;

	(void)state;
	load(&c, NULL, false);
	assert_int_equal(clone_plan(&c, false, &e), 0);
	read_back(&c, &got);
	assert_string_equal(got->name, "two");
	assert_int_equal(got->memory_mib, 64);
	assert_true(got->has_uuid && got->uuid[0] + got->uuid[1] + got->uuid[2] != 0x33 && got->uuid[6] >> 4 == 4 && got->uuid[8] >> 6 == 2);
	assert_string_equal(got->disks[0].target, path_of("two.img"));
	assert_string_equal(got->disks[1].target, path_of("two-xvdb.img"));
	assert_string_equal(got->disks[2].target, path_of("iso"));
	zendo_vif_make_mac(got->uuid, 0, mac);
	assert_memory_equal(got->vifs[0].mac, mac, 6);
	assert_string_equal(got->vifs[0].bridge, "br0");
	assert_string_equal(got->vifs[0].vifname, "");
	assert_true(got->vifs[1].has_mac && memcmp(got->vifs[1].mac, mac, 6) != 0);
	assert_int_equal(clone_make(&c, path_of("two.cfg"), 0600, &e, &left), 0);
	assert_true(is_there("two.cfg") && is_there("two.img") && is_there("two-xvdb.img"));
	assert_int_equal(clone_undo(&c, path_of("two.cfg"), &left), 0);
	assert_false(is_there("two.cfg") || is_there("two.img") || is_there("two-xvdb.img"));
	clone_clear(&c);
}

static void what_is_given_stays(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *got = NULL;
	struct zendo_error e = {};
	struct clone c;

	(void)state;
	load(&c, "disk=['/other,raw,xvda,w']", false);
	assert_int_equal(clone_plan(&c, true, &e), 0);
	read_back(&c, &got);
	assert_int_equal(got->nr_disks, 1);
	assert_string_equal(got->disks[0].target, "/other");
	assert_int_equal(got->uuid[0], 0x11);
	clone_clear(&c);
	load(&c, "vif=['mac=00:16:3e:00:00:09,vifname=x']", false);
	assert_int_equal(clone_plan(&c, false, &e), 0);
	assert_int_equal(c.config->vifs[0].mac[5], 9);
	assert_string_equal(c.config->vifs[0].vifname, "x");
	clone_clear(&c);
}

static void two_disks_have_no_one_moment(void **state)
{
	struct zendo_error e = {};
	struct clone c;

	(void)state;
	load(&c, NULL, true);
	assert_int_equal(clone_plan(&c, false, &e), -EBUSY);
	assert_non_null(strstr(e.text, "2 disks"));
	clone_clear(&c);
}

static void what_fails_leaves_nothing(void **state)
{
	struct zendo_error e = {}, left = {};
	sigset_t term;
	struct clone c;

	(void)state;
	load(&c, NULL, false);
	assert_int_equal(clone_plan(&c, false, &e), 0);
	put("two.cfg", "mine", 4);
	assert_int_equal(clone_make(&c, path_of("two.cfg"), 0600, &e, &left), -EEXIST);
	assert_false(is_there("two.img") || is_there("two-xvdb.img") || *left.text);
	unlink(path_of("two.cfg"));

	put("two-xvdb.img", "mine", 4);
	assert_int_equal(clone_make(&c, path_of("two.cfg"), 0600, &e, &left), -EEXIST);
	assert_false(is_there("two.img") || is_there("two.cfg"));
	assert_true(is_there("two-xvdb.img"));
	unlink(path_of("two-xvdb.img"));

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &term, NULL);
	(void)raise(SIGTERM);
	assert_int_equal(clone_make(&c, path_of("two.cfg"), 0600, &e, &left), -EINTR);
	assert_false(is_there("two.img") || is_there("two-xvdb.img") || is_there("two.cfg") || *left.text);
	(void)signal(SIGTERM, SIG_IGN);	/* drops it */
	(void)sigprocmask(SIG_UNBLOCK, &term, NULL);
	(void)signal(SIGTERM, SIG_DFL);
	clone_clear(&c);
}

static void the_same_name_twice(void **state)
{
	struct zendo_error e = {};
	char disk[512];
	struct clone c;

	(void)state;
	(void)snprintf(disk, sizeof(disk), "%s/web.img", dir);
	load(&c, NULL, false);
	free(c.config->disks[1].target);
	c.config->disks[1].target = strdup(disk);
	assert_int_equal(clone_plan(&c, false, &e), -EEXIST);
	assert_non_null(strstr(e.text, "would both become"));
	clone_clear(&c);
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path_of("web.img"));
	unlink(path_of("data.img"));
	return rmdir(dir);	/* nothing else is left */
}

#define T(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(names_follow_the_domains),
		T(files_share_blocks_where_they_can),
		T(a_running_domain_has_few_copies),
		T(images_of_several_files_get_overlays_only),
		T(thin_volumes_are_snapshot),
		T(what_cannot_be_copied_is_named),
		T(a_definition_of_its_own),
		T(what_is_given_stays),
		T(two_disks_have_no_one_moment),
		T(what_fails_leaves_nothing),
		T(the_same_name_twice),
	};

	if (!mkdtemp(dir))
		return 1;
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
