/* SPDX-License-Identifier: GPL-2.0-only */
/* Claims, and who uses a target, with a /sys and /proc made here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend.h"
#include "claim.h"
#include "guard.h"

static char top[] = "/tmp/test_guard.XXXXXX";
static char sys[64], proc[64];
static const struct guard_paths paths = { .sys = sys, .proc = proc };

static void make(const char *path, const char *text)
{
	char full[256], *slash;
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s/%s", top, path);
	for (slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	f = fopen(full, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* sda (8:0) with sda1 and sda2, sda2 below a volume; sdb (8:16) alone; nothing mounted. */
static int set_up(void **state)
{
	char a[128], b[256];

	(void)state;
	assert_non_null(mkdtemp(top));
	(void)snprintf(sys, sizeof(sys), "%s/sys", top);
	(void)snprintf(proc, sizeof(proc), "%s/proc", top);
	make("sys/block/sda/dev", "8:0\n");
	make("sys/block/sda/holders/x", "");
	make("sys/block/sda/sda1/partition", "1\n");
	make("sys/block/sda/sda1/holders/x", "");
	make("sys/block/sda/sda2/partition", "2\n");
	make("sys/block/sda/sda2/holders/dm-0/dm/name", "vg0-web\n");
	make("sys/block/sdb/dev", "8:16\n");
	make("sys/block/sdb/holders/x", "");
	make("sys/dev/block/x", "");
	for (unsigned i = 0; i < 4; i++) {
		static const char *const links[4][2] = {
			{ "8:0", "../../block/sda" }, { "8:1", "../../block/sda/sda1" },
			{ "8:2", "../../block/sda/sda2" }, { "8:16", "../../block/sdb" },
		};

		(void)snprintf(a, sizeof(a), "%s/sys/dev/block/%s", top, links[i][0]);
		assert_int_equal(symlink(links[i][1], a), 0);
	}
	(void)snprintf(b, sizeof(b), "rm -f %s/sys/block/*/holders/x %s/sys/block/sda/sda1/holders/x %s/sys/dev/block/x", top, top, top);
	assert_int_equal(system(b), 0);
	make("proc/self/mountinfo", "22 1 253:1 / / rw,relatime - ext4 /dev/vda1 rw\n");
	make("proc/swaps", "Filename Type Size Used Priority\n");
	return 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

static struct claim_key block(unsigned a, unsigned b)
{
	struct claim_key k = { .block = true, .dev = makedev(a, b) };

	assert_int_equal(guard_disk_of(&paths, k.dev, &k.disk), 0);
	return k;
}

static void refused(const struct claim_key *k, bool readonly, const char *words)
{
	struct zendo_error e = {};

	assert_int_equal(guard_check(&paths, k, readonly, &e), -EBUSY);
	if (!strstr(e.text, words))
		fail_msg("'%s' not in '%s'", words, e.text);
}

static void free_one(const struct claim_key *k, bool readonly)
{
	struct zendo_error e = {};

	if (guard_check(&paths, k, readonly, &e) != 0)
		fail_msg("%s", e.text);
}

static void a_disk_nobody_uses_is_free(void **state)
{
	const struct claim_key sdb = block(8, 16), sda1 = block(8, 1);

	(void)state;
	assert_int_equal(sdb.disk, sdb.dev);
	assert_int_equal(sda1.disk, makedev(8, 0));
	free_one(&sdb, false);
	free_one(&sda1, false);
}

static void layers_are_seen_from_all_sides(void **state)
{
	const struct claim_key sda2 = block(8, 2), sda = block(8, 0);

	(void)state;
	refused(&sda2, false, "part of dm-0 (device mapper, 'vg0-web')");
	refused(&sda2, true, "dm-0");
	refused(&sda, false, "dm-0");
}

static void mounts_are_seen_from_all_sides(void **state)
{
	const struct claim_key sdb = block(8, 16), sda1 = block(8, 1);

	(void)state;
	make("proc/self/mountinfo", "22 1 8:16 / /srv/my\\040disk rw - ext4 /dev/nothing rw,errors=continue\n");
	refused(&sdb, false, "mounted on /srv/my disk in dom0");
	refused(&sdb, true, "mounted on");
	free_one(&sda1, false);
	make("proc/self/mountinfo", "22 1 8:16 / /srv ro shared:3 - ext4 /dev/nothing ro\n");
	refused(&sdb, false, "mounted on /srv");
	free_one(&sdb, true);
	make("proc/self/mountinfo", "22 1 8:0 / /srv rw - ext4 /dev/nothing rw\n");
	refused(&sda1, false, "mounted on /srv");
}

static void a_mounted_or_swapped_file_is_seen(void **state)
{
	struct claim_key k = { .block = false };
	char line[256], file[128];
	struct stat st;

	(void)state;
	make("image", "x");
	(void)snprintf(file, sizeof(file), "%s/image", top);
	assert_int_equal(stat(file, &st), 0);
	k.dev = st.st_dev;
	k.ino = st.st_ino;
	make("proc/self/mountinfo", "22 1 253:1 / / rw,relatime - ext4 /dev/vda1 rw\n");
	free_one(&k, false);
	(void)snprintf(line, sizeof(line), "Filename Type Size Used Priority\n%s file 1 0 -2\n", file);
	make("proc/swaps", line);
	refused(&k, false, "swaps");
	make("proc/swaps", "Filename Type Size Used Priority\n");
}

static void claims_keep_writers_apart(void **state)
{
	const struct claim_key sda = block(8, 0), sda1 = block(8, 1), sda2 = block(8, 2);
	struct hvback_id one, two, three;
	struct zendo_error e = {};

	(void)state;
	assert_int_equal(zendo_backend_id("vbd", 1, 51712, &one), 0);
	assert_int_equal(zendo_backend_id("vbd", 2, 51712, &two), 0);
	assert_int_equal(zendo_backend_id("vbd", 3, 51712, &three), 0);
	assert_int_equal(claim_take(&sda1, &one, false, false, &e), 0);
	assert_int_equal(claim_take(&sda1, &two, true, false, &e), -EBUSY);
	assert_non_null(strstr(e.text, "domain 1 (vbd-1-51712, writing)"));
	assert_int_equal(claim_take(&sda, &two, false, false, &e), -EBUSY);
	assert_int_equal(claim_take(&sda2, &two, false, false, &e), 0);
	claim_release(&one);
	claim_release(&two);
	assert_int_equal(claim_take(&sda1, &one, true, false, &e), 0);
	assert_int_equal(claim_take(&sda1, &two, true, false, &e), 0);
	assert_int_equal(claim_take(&sda, &three, false, false, &e), -EBUSY);
	assert_int_equal(claim_take(&sda, &three, false, true, &e), 0);
	claim_release(&one);
	claim_release(&two);
	claim_release(&three);
}

static void claims_are_text_for_the_store(void **state)
{
	const struct claim_key file = { .dev = makedev(253, 7), .ino = 123456789 }, sda1 = block(8, 1);
	char text[CLAIM_TEXT_MAX];
	struct claim_key k;

	(void)state;
	assert_int_equal(claim_parse(claim_format(&file, text), &k), 0);
	assert_true(claim_overlaps(&k, &file));
	assert_string_equal(text, "file 253:7 123456789");
	assert_int_equal(claim_parse(claim_format(&sda1, text), &k), 0);
	assert_true(claim_overlaps(&k, &sda1));
	assert_int_equal(k.disk, makedev(8, 0));
	assert_int_equal(claim_parse("block 1:2", &k), -EINVAL);
	assert_int_equal(claim_parse("file 1:2 3 4", &k), -EINVAL);
	assert_int_equal(claim_parse("", &k), -EINVAL);
}

static void sets_come_back_from_their_text(void **state)
{
	const struct hvback_id one = { .class = "vbd", .domid = 1, .devid = 1 }, two = { .class = "vbd", .domid = 2, .devid = 1 };
	struct claim_set set = {}, again;
	struct zendo_error e = {};
	char text[CLAIM_SET_TEXT_MAX];
	struct claim_key k = { .dev = makedev(254, 0) };
	size_t failed = 7;

	(void)state;
	for (k.ino = 0; k.ino < CLAIM_KEYS_MAX; k.ino++)
		assert_int_equal(claim_set_add(&set, &k, k.ino > 0), 0);
	assert_int_equal(claim_set_add(&set, &k, false), -E2BIG);
	(void)claim_set_format(&set, text);
	assert_int_equal(strncmp(text, "file 254:0 0,r file 254:0 1,r file", 34), 0);
	assert_int_equal(claim_set_parse(text, false, &again), 0);
	assert_memory_equal(&set, &again, sizeof(set));
	assert_int_equal(claim_set_parse("file 1:2 3,", false, &again), -EINVAL);
	assert_int_equal(claim_set_parse("file 1:2 3,r", false, &again), -EINVAL);
	assert_int_equal(claim_set_parse("file 1:2 3", true, &again), 0);
	assert_true(again.readonly[0]);
	/* all or none */
	assert_int_equal(claim_take_set(&set, &one, false, NULL, &e), 0);
	again = (struct claim_set) { .nr = 3, .keys = { { .dev = 9 }, set.keys[2], set.keys[1] }, .readonly = { false, true, false } };
	assert_int_equal(claim_take_set(&again, &two, false, &failed, &e), -EBUSY);
	assert_int_equal(failed, 2);
	claim_set_of(&two, &again);
	assert_int_equal(again.nr, 0);
	claim_set_of(&one, &again);
	assert_int_equal(again.nr, CLAIM_KEYS_MAX);
	claim_release(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_come_back_from_their_text),
		cmocka_unit_test(a_disk_nobody_uses_is_free),
		cmocka_unit_test(layers_are_seen_from_all_sides),
		cmocka_unit_test(mounts_are_seen_from_all_sides),
		cmocka_unit_test(a_mounted_or_swapped_file_is_seen),
		cmocka_unit_test(claims_keep_writers_apart),
		cmocka_unit_test(claims_are_text_for_the_store),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
