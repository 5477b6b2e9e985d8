/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "definitions.h"

static char dir[64];

/* How much of what file was last asked to be on the disk. */
static off_t synced;
int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	synced = st.st_size;
	return __real_fsync(fd);
}

static const char *in_dir(const char *file)
{
	static char path[2][256];
	static unsigned n;

	n ^= 1;
	(void)snprintf(path[n], sizeof(path[n]), "%s/%s", dir, file);
	return path[n];
}

static void write_file(const char *file, const char *text)
{
	FILE *f = fopen(in_dir(file), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void read_file(const char *file, char *ret, size_t size)
{
	FILE *f = fopen(in_dir(file), "r");

	assert_non_null(f);
	ret[fread(ret, 1, size - 1, f)] = '\0';
	fclose(f);
}

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/test_definitions.XXXXXX");
	return mkdtemp(dir) && mkdir(in_dir("auto"), 0755) == 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void definitions_are_listed_by_name(void **state)
{
	struct zendo_definition *all;
	size_t nr;

	(void)state;
	write_file("b.cfg", "name='b'; kernel='/k'; memory=8");
	write_file("a b.cfg", "name='a b'; kernel='/k'; memory=8");
	write_file("c.cfg", "name='other'; kernel='/k'; memory=8");
	write_file("d.cfg", "nonsense");
	write_file("123.cfg", "name='x'; kernel='/k'; memory=8");
	write_file(".hidden.cfg", "");
	write_file("readme", "");
	write_file(".cfg", "");
	assert_int_equal(zendo_definitions_list(dir, &all, &nr), 0);
	assert_int_equal(nr, 4);
	assert_string_equal(all[0].name, "a b");
	assert_non_null(all[0].config);
	assert_string_equal(all[1].name, "b");
	assert_int_equal(all[1].config->memory_mib, 8);
	assert_null(all[2].config);
	assert_string_equal(all[2].error.text, "it defines the domain 'other', not 'c'");
	assert_null(all[3].config);
	assert_int_equal(all[3].error.line, 1);
	zendo_definitions_free(all, nr);
}

static void a_folder_that_is_not_there_has_none(void **state)
{
	struct zendo_definition *all = NULL;
	size_t nr = 1;

	(void)state;
	assert_int_equal(zendo_definitions_list(in_dir("nowhere"), &all, &nr), 0);
	assert_int_equal(nr, 0);
	zendo_definitions_free(all, nr);
}

static void a_definition_is_found_by_its_name(void **state)
{
	struct zendo_config *c;
	struct zendo_error e = {};

	(void)state;
	write_file("web.cfg", "name='web'; kernel='/k'; memory=8");
	assert_int_equal(zendo_definition_load(dir, "web", &c, &e), 0);
	zendo_config_free(c);
	assert_int_equal(zendo_definition_load(dir, "wab", &c, &e), -ENOENT);
	assert_int_equal(zendo_definition_load(dir, "../web", &c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "it has a / in it"));
}

/* ---- auto ---- */

static char seen[1024];

static void on_link(void *userdata, const char *link, const char *name, const char *why)
{
	size_t len = strlen(seen);

	(void)userdata;
	assert_true(!name != !why);
	(void)snprintf(seen + len, sizeof(seen) - len, "%s=%s;", link, name ? name : why);
}

static void links_start_what_they_lead_to(void **state)
{
	char outside[128];

	(void)state;
	(void)snprintf(outside, sizeof(outside), "%s.other", dir);
	write_file("web.cfg", "");
	write_file("db.cfg", "");
	write_file("auto/file", "");
	assert_int_equal(symlink("../web.cfg", in_dir("auto/20-web")), 0);
	assert_int_equal(symlink(in_dir("db.cfg"), in_dir("auto/10-db")), 0);
	assert_int_equal(symlink("../gone.cfg", in_dir("auto/30-gone")), 0);
	assert_int_equal(symlink("/etc/passwd", in_dir("auto/40-passwd")), 0);
	assert_int_equal(symlink("file", in_dir("auto/50-file")), 0);
	assert_int_equal(symlink("../auto/../web.cfg", in_dir("auto/60-round")), 0);
	assert_int_equal(symlink("../web.cfg", in_dir("auto/.hidden")), 0);
	*seen = '\0';
	assert_int_equal(zendo_definitions_auto(dir, on_link, NULL), 0);
	assert_string_equal(seen, "10-db=db;20-web=web;30-gone=what it leads to is not there;"
			    "40-passwd=what it leads to is not called NAME.cfg;"
			    "50-file=what it leads to is not called NAME.cfg;60-round=web;file=it is not a link;");
	/* a definition of that form elsewhere is not what the unit would read */
	assert_int_equal(mkdir(outside, 0755), 0);
	(void)strcat(outside, "/web.cfg");
	assert_int_equal(symlink("/dev/null", outside), 0);
	assert_int_equal(symlink(outside, in_dir("auto/70-outside")), 0);
	*seen = '\0';
	assert_int_equal(zendo_definitions_auto(dir, on_link, NULL), 0);
	assert_non_null(strstr(seen, "70-outside=it leads to no definition in /etc/zendo;"));
	assert_int_equal(unlink(outside), 0);
	*strrchr(outside, '/') = '\0';
	assert_int_equal(rmdir(outside), 0);
}

/* ---- rename ---- */

static void renamed_to(const char *before, const char *name, const char *after)
{
	struct zendo_error e = {};
	char text[256], file[128];

	write_file("old.cfg", before);
	(void)chmod(in_dir("old.cfg"), 0640);
	synced = -1;
	if (zendo_definition_rename(dir, "old", name, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(access(in_dir("old.cfg"), F_OK), -1);
	(void)snprintf(file, sizeof(file), "%s.cfg", name);
	read_file(file, text, sizeof(text));
	assert_string_equal(text, after);
	assert_int_equal(synced, strlen(after));	/* before the old one went */
	assert_int_equal(unlink(in_dir(file)), 0);
}

static void only_the_name_changes(void **state)
{
	(void)state;
	renamed_to("# mine\nname = \"old\"	# the name\nkernel='/k'; memory=8\n", "new",
		   "# mine\nname = \"new\"	# the name\nkernel='/k'; memory=8\n");
	renamed_to("memory=8;name='old';kernel='/k'", "a \"b\\", "memory=8;name=\"a \\x22b\\x5c\";kernel='/k'");
	/* the one that counts */
	renamed_to("name='a'\nname='old'\nkernel='/old'\nmemory=8\n", "new", "name='a'\nname=\"new\"\nkernel='/old'\nmemory=8\n");
	/* put together of two: none of them is the name */
	renamed_to("v=1; name='o%s' % 'ld'; kernel='/k'\nmemory=8 * v", "new",
		   "v=1; name='o%s' % 'ld'; kernel='/k'\nmemory=8 * v\nname = \"new\"\n");
	renamed_to("name='o'; name+='ld'\nkernel='/k'\nmemory=8", "new", "name='o'; name+='ld'\nkernel='/k'\nmemory=8\nname = \"new\"\n");
}

static void what_cannot_be_renamed_stays(void **state)
{
	struct zendo_error e = {};

	(void)state;
	write_file("old.cfg", "name='old'; kernel='/k'; memory=8");
	write_file("taken.cfg", "mine");
	assert_int_equal(zendo_definition_rename(dir, "old", "taken", &e), -EEXIST);
	assert_int_equal(zendo_definition_rename(dir, "old", "a/b", &e), -EINVAL);
	assert_int_equal(zendo_definition_rename(dir, "none", "new", &e), -ENOENT);
	assert_int_equal(symlink("old.cfg", in_dir("link.cfg")), 0);
	write_file("link2", "name='link2'; kernel='/k'; memory=8");
	assert_int_equal(symlink("link2", in_dir("link2.cfg")), 0);
	assert_int_equal(zendo_definition_rename(dir, "link2", "new", &e), -EINVAL);
	assert_int_equal(access(in_dir("old.cfg"), F_OK), 0);
	assert_int_equal(access(in_dir("new.cfg"), F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
		T(definitions_are_listed_by_name),
		T(a_folder_that_is_not_there_has_none),
		T(a_definition_is_found_by_its_name),
		T(links_start_what_they_lead_to),
		T(only_the_name_changes),
		T(what_cannot_be_renamed_stays),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
